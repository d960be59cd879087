/**
 * The parts of the bootstrap that need conditions, as functions that last as long as the session. Each returns one line
 * for every change that it made, and none where all was as it should be.
 */
export const bootstrapFunctions = `
CREATE FUNCTION pg_temp.ensure_role(role text, verifier text, connections int, settings text[]) RETURNS SETOF text
LANGUAGE plpgsql AS $function$
DECLARE
  has pg_roles;
  wanted text := CASE WHEN verifier IS NULL THEN 'NOLOGIN' ELSE 'LOGIN' END;
  differences text;
  stored text;
  setting text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
    EXECUTE format('CREATE ROLE %I %s CONNECTION LIMIT %s', role, wanted, connections);
    RETURN NEXT format('created role %s', role);
  END IF;
  SELECT * INTO STRICT has FROM pg_roles WHERE rolname = role;

  -- Only what differs is named: an administrator that is no superuser may not even repeat some of it.
  differences := concat_ws(' ',
    CASE WHEN has.rolcanlogin <> (verifier IS NOT NULL) THEN wanted END,
    CASE WHEN has.rolsuper THEN 'NOSUPERUSER' END,
    CASE WHEN has.rolcreatedb THEN 'NOCREATEDB' END,
    CASE WHEN has.rolcreaterole THEN 'NOCREATEROLE' END,
    CASE WHEN has.rolreplication THEN 'NOREPLICATION' END,
    CASE WHEN has.rolbypassrls THEN 'NOBYPASSRLS' END,
    CASE WHEN NOT has.rolinherit THEN 'INHERIT' END,
    CASE WHEN has.rolconnlimit <> connections THEN format('CONNECTION LIMIT %s', connections) END);
  IF differences <> '' THEN
    EXECUTE format('ALTER ROLE %I %s', role, differences);
    RETURN NEXT format('altered role %s: %s', role, differences);
  END IF;

  IF verifier IS NOT NULL THEN
    BEGIN
      SELECT rolpassword INTO stored FROM pg_authid WHERE rolname = role;
    EXCEPTION WHEN insufficient_privilege THEN
      -- Only superusers see stored passwords; without seeing, it is set again.
      stored := NULL;
    END;
    IF stored IS DISTINCT FROM verifier THEN
      EXECUTE format('ALTER ROLE %I PASSWORD %L', role, verifier);
      RETURN NEXT format('set the password of role %s', role);
    END IF;
  END IF;

  IF (SELECT coalesce(array_agg(s ORDER BY s), '{}') FROM unnest(settings) s) IS DISTINCT FROM
     (SELECT coalesce(array_agg(s ORDER BY s), '{}') FROM pg_db_role_setting, unnest(setconfig) s
       WHERE setrole = has.oid AND setdatabase = 0) THEN
    EXECUTE format('ALTER ROLE %I RESET ALL', role);
    FOREACH setting IN ARRAY settings LOOP
      EXECUTE format('ALTER ROLE %I SET %I = %L', role, split_part(setting, '=', 1),
        substr(setting, strpos(setting, '=') + 1));
    END LOOP;
    RETURN NEXT format('set the settings of role %s: %s', role, coalesce(nullif(array_to_string(settings, ', '), ''), 'none'));
  END IF;
END $function$;

CREATE FUNCTION pg_temp.ensure_membership(role text, groups text[], exact boolean) RETURNS SETOF text
LANGUAGE plpgsql AS $function$
DECLARE
  other text;
BEGIN
  FOREACH other IN ARRAY groups LOOP
    IF NOT EXISTS (SELECT FROM pg_auth_members
      WHERE pg_get_userbyid(member) = role AND pg_get_userbyid(roleid) = other) THEN
      EXECUTE format('GRANT %I TO %I', other, role);
      RETURN NEXT format('made role %s a member of %s', role, other);
    END IF;
  END LOOP;
  FOR other IN SELECT pg_get_userbyid(roleid) FROM pg_auth_members
    WHERE exact AND pg_get_userbyid(member) = role ORDER BY 1 LOOP
    IF other <> ALL (groups) THEN
      EXECUTE format('REVOKE %I FROM %I', other, role);
      RETURN NEXT format('made role %s no longer a member of %s', role, other);
    END IF;
  END LOOP;
END $function$;

-- An administrator that is no superuser can give a database only to a role that it could become.
CREATE FUNCTION pg_temp.ensure_may_become(role text) RETURNS SETOF text
LANGUAGE plpgsql AS $function$
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', role);
  RESET ROLE;
EXCEPTION WHEN insufficient_privilege THEN
  EXECUTE format('GRANT %I TO CURRENT_USER', role);
  RETURN NEXT format('made role %s a member of %s', current_user, role);
END $function$;

CREATE FUNCTION pg_temp.ensure_owned(database text, owner text) RETURNS SETOF text
LANGUAGE plpgsql AS $function$
DECLARE
  has pg_database;
BEGIN
  SELECT * INTO STRICT has FROM pg_database WHERE datname = database;
  IF pg_get_userbyid(has.datdba) <> owner THEN
    EXECUTE format('ALTER DATABASE %I OWNER TO %I', database, owner);
    RETURN NEXT format('gave database %s to %s', database, owner);
  END IF;
  IF EXISTS (SELECT FROM aclexplode(coalesce(has.datacl, acldefault('d', has.datdba))) WHERE grantee = 0) THEN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', database);
    RETURN NEXT format('closed database %s to all but those named', database);
  END IF;
END $function$;

CREATE FUNCTION pg_temp.ensure_connect(role text, databases text[], exact boolean) RETURNS SETOF text
LANGUAGE plpgsql AS $function$
DECLARE
  database text;
BEGIN
  FOREACH database IN ARRAY databases LOOP
    IF NOT has_database_privilege(role, database, 'CONNECT') THEN
      EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', database, role);
      RETURN NEXT format('let role %s connect to database %s', role, database);
    END IF;
  END LOOP;
  FOR database IN SELECT datname FROM pg_database, aclexplode(datacl)
    WHERE exact AND grantee <> 0 AND pg_get_userbyid(grantee) = role AND datdba <> grantee
      AND datname <> ALL (databases) GROUP BY 1 ORDER BY 1 LOOP
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM %I', database, role);
    RETURN NEXT format('let role %s no longer connect to database %s', role, database);
  END LOOP;
END $function$;
`.trim();
