/**
 * Texts as the database keeps them. JSON texts may hold what Postgres cannot: U+0000 and halves of surrogate pairs. So
 * these are written as five characters of U+FDD0–U+FDEF, which Unicode keeps free for such uses; where these come in a
 * text of a client, they are written that way too. No two texts become one, and a part of a text stays a part of it.
 */
const ESCAPE = "\ufdd0";
/** Sixteen digits, none of which is the escape itself. */
const FIRST_DIGIT = 0xfdd1;
/** Between the parts of an entity's search text: a query cannot hold it, so none matches across two parts. */
const SEPARATOR = "\ufdef";
const UNSTORABLE = /[\0\ufdd0-\ufdef]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const ESCAPED = /\ufdd0([\ufdd1-\ufde0]{4})/g;

export function toStored(text: string): string {
  return text.replace(UNSTORABLE, (unit) => {
    const digits = [...unit.charCodeAt(0).toString(16).padStart(4, "0")];
    return ESCAPE + digits.map((digit) => String.fromCharCode(FIRST_DIGIT + Number.parseInt(digit, 16))).join("");
  });
}

export function fromStored(text: string): string {
  return text.replace(ESCAPED, (_whole, digits: string) => {
    const hex = [...digits].map((digit) => (digit.charCodeAt(0) - FIRST_DIGIT).toString(16)).join("");
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
}

/** Lower case as JavaScript makes it, and not the database's locale: the reference server's. */
const searchable = (text: string): string => toStored(text.toLowerCase());

/** What searches look through, of one entity. */
export function searchText(name: string, entityType: string, observations: readonly string[]): string {
  return [name, entityType, ...observations].map(searchable).join(SEPARATOR);
}

/** A pattern for `LIKE` that matches where the query is a part of one of an entity's texts. */
export function likePattern(query: string): string {
  return `%${searchable(query).replace(/[\\%_]/g, "\\$&")}%`;
}

/** What `websearch_to_tsquery` is asked. */
export const wordsOf = searchable;
