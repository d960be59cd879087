/** A name as Postgres takes it literally, whatever characters it has. */
export const identifier = (name: string): string => `"${checked(name).replaceAll('"', '""')}"`;

/** A text constant; the `E` form where there is a backslash, so that no server's setting changes its meaning. */
export function literal(text: string): string {
  const quoted = `'${checked(text).replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? ` E${quoted}` : quoted;
}

/** An array of text constants. */
export const textArray = (texts: readonly string[]): string => `ARRAY[${texts.map(literal).join(", ")}]::text[]`;

/** An argument of one of psql's own commands. */
export const psqlArgument = (text: string): string =>
  `'${checked(text).replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

function checked(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  if (/[\u0000-\u001f\u007f]/.test(text)) throw new Error(`${JSON.stringify(text)} has control characters: use none`);
  return text;
}
