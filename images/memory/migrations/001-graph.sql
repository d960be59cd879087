-- Needs nothing where the stack's bootstrap has made it already.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- A graph of its own for each tenant. Its row is what changes of that graph wait for, one after the other.
CREATE TABLE memory.tenants (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

-- Ids are the order in which things were made, which is the order in which they are read.
-- Names are not unique: one call may make two of a name, as the reference server lets it.
CREATE TABLE memory.entities (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant integer NOT NULL REFERENCES memory.tenants (id) ON DELETE CASCADE,
  name text COLLATE "C" NOT NULL,
  entity_type text COLLATE "C" NOT NULL,
  observations text[] COLLATE "C" NOT NULL,
  -- Name, type and observations in lower case as JavaScript makes it, a separator between them: see src/graph/text.ts.
  search text COLLATE "C" NOT NULL
);

CREATE TABLE memory.relations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant integer NOT NULL REFERENCES memory.tenants (id) ON DELETE CASCADE,
  from_name text COLLATE "C" NOT NULL,
  to_name text COLLATE "C" NOT NULL,
  relation_type text COLLATE "C" NOT NULL
);

-- Pages.
CREATE INDEX entities_in_order ON memory.entities (tenant, id);
CREATE INDEX relations_in_order ON memory.relations (tenant, id);
-- Names by hash: they may be longer than what an index takes.
CREATE INDEX entities_by_name ON memory.entities (tenant, hashtextextended(name, 0));
CREATE INDEX relations_by_from ON memory.relations (tenant, hashtextextended(from_name, 0));
CREATE INDEX relations_by_to ON memory.relations (tenant, hashtextextended(to_name, 0));
-- Search for a part of a text, and for words. The latter reads the first 100,000 characters: a tsvector has a limit.
-- What was written since the last clean-up is searched one by one: a short list of it keeps searches fast.
CREATE INDEX entities_by_trigram ON memory.entities USING gin (search gin_trgm_ops) WITH (gin_pending_list_limit = 256);
CREATE INDEX entities_by_word ON memory.entities
  USING gin (to_tsvector('simple', left(search, 100000))) WITH (gin_pending_list_limit = 256);
