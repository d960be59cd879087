/** A role that logs in. */
export interface BootstrapRole {
  readonly name: string;
  /** SCRAM verifier of its password: see `scram.ts`. */
  readonly verifier: string;
  /** Roles whose rights it has. */
  readonly memberOf: readonly string[];
  /** Settings of its sessions. */
  readonly settings: Readonly<Record<string, string>>;
}

/** A database. */
export interface BootstrapDatabase {
  readonly name: string;
  /** Role that owns it. Default: the administrator. */
  readonly owner?: string;
  readonly extensions: readonly string[];
  /** Roles that may connect; nobody else may. */
  readonly connect: readonly string[];
}

/** All that the clients of a Postgres server need there. */
export interface BootstrapSpec {
  readonly roles: readonly BootstrapRole[];
  readonly databases: readonly BootstrapDatabase[];
}

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
const identifier = (text: string) => `"${text.replaceAll('"', '""')}"`;

/** A statement that is run only where a condition holds: psql runs what the query returns. */
const when = (condition: string, statement: string) => `SELECT ${literal(statement)} WHERE ${condition} \\gexec`;

function roleSql({ name, verifier, memberOf, settings }: BootstrapRole): string[] {
  const role = identifier(name);
  const known = `SELECT FROM pg_roles WHERE rolname = ${literal(name)}`;
  return [
    when(`NOT EXISTS (${known})`, `CREATE ROLE ${role} LOGIN`),
    when(
      `EXISTS (${known} AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls OR NOT rolcanlogin))`,
      `ALTER ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS`,
    ),
    when(
      `EXISTS (SELECT FROM pg_authid WHERE rolname = ${literal(name)} AND rolpassword IS DISTINCT FROM ${literal(verifier)})`,
      `ALTER ROLE ${role} PASSWORD ${literal(verifier)}`,
    ),
    ...memberOf.map((group) =>
      when(
        `NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member WHERE r.rolname = ${literal(group)} AND u.rolname = ${literal(name)})`,
        `GRANT ${identifier(group)} TO ${role}`,
      ),
    ),
    ...Object.entries(settings).map(([key, value]) =>
      when(
        `NOT EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = 0 AND r.rolname = ${literal(name)} AND ${literal(`${key}=${value}`)} = ANY (s.setconfig))`,
        `ALTER ROLE ${role} SET ${identifier(key)} = ${literal(value)}`,
      ),
    ),
  ];
}

function databaseSql({ name, owner, extensions, connect }: BootstrapDatabase): string[] {
  const database = identifier(name);
  const known = `SELECT FROM pg_database WHERE datname = ${literal(name)}`;
  return [
    when(`NOT EXISTS (${known})`, `CREATE DATABASE ${database}`),
    ...(owner === undefined
      ? []
      : [
          when(
            `EXISTS (${known} AND pg_get_userbyid(datdba) <> ${literal(owner)})`,
            `ALTER DATABASE ${database} OWNER TO ${identifier(owner)}`,
          ),
        ]),
    when(
      `has_database_privilege('public', ${literal(name)}, 'CONNECT')`,
      `REVOKE ALL ON DATABASE ${database} FROM PUBLIC`,
    ),
    ...connect.map((role) =>
      when(
        `NOT has_database_privilege(${literal(role)}, ${literal(name)}, 'CONNECT')`,
        `GRANT CONNECT ON DATABASE ${database} TO ${identifier(role)}`,
      ),
    ),
    ...(extensions.length === 0
      ? []
      : [
          `\\connect ${database}`,
          ...extensions.map((extension) =>
            when(
              `EXISTS (SELECT FROM pg_available_extensions WHERE name = ${literal(extension)} AND installed_version IS NULL)`,
              `CREATE EXTENSION ${identifier(extension)}`,
            ),
          ),
        ]),
  ];
}

/**
 * What makes a Postgres server right for its clients, as input of psql. It only adds and mends: run again, it changes
 * nothing, and it never drops anything. Run as a superuser, on any database.
 */
export const bootstrapSql = ({ roles, databases }: BootstrapSpec): string =>
  ["\\set ON_ERROR_STOP on", ...roles.flatMap(roleSql), ...databases.flatMap(databaseSql), ""].join("\n");
