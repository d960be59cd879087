import type { OptionSpec } from "./option-kinds.ts";
import { OPTION_TABLE, type OptionName } from "./option-table.ts";
import type { Options } from "./options.ts";

type Values = Partial<Pick<Options, "allowedTool" | "deniedTool" | "oauthIssuer">>;

/**
 * What is wrong with options that are each fine by themselves.
 * @param values undefined in place of what was not valid, which has been reported.
 * @param named options that were given, valid or not.
 */
export function contradictions(values: Values, named: ReadonlySet<OptionName>): string[] {
  return [...toolsOnBothLists(values), ...halfAnOAuth(values, named)];
}

const nameOf = (option: OptionName): string => {
  const { flag, env }: OptionSpec = OPTION_TABLE[option];
  return `${flag} (${env})`;
};

function toolsOnBothLists({ allowedTool = [], deniedTool = [] }: Values): string[] {
  const both = deniedTool.filter((tool) => allowedTool.includes(tool));
  return both.map(
    (tool) => `${nameOf("deniedTool")}: "${tool}" is on ${nameOf("allowedTool")} too; take it off one of them.`,
  );
}

/** A bridge that was meant to check tokens must not start without. */
function halfAnOAuth({ oauthIssuer = [] }: Values, named: ReadonlySet<OptionName>): string[] {
  const problems: string[] = [];
  if (!named.has("oauthIssuer")) {
    const rest = (["oauthResource", "oauthAudience", "oauthScope", "oauthJwksUri"] as const).filter((name) =>
      named.has(name),
    );
    for (const name of rest) {
      problems.push(`${nameOf(name)}: has no effect without ${nameOf("oauthIssuer")}; name the issuer of the tokens.`);
    }
    return problems;
  }
  if (!named.has("oauthResource")) {
    problems.push(
      `${nameOf("oauthIssuer")}: needs ${nameOf("oauthResource")}, or tokens for any other service would do; give the public URL of /mcp.`,
    );
  }
  if (named.has("oauthJwksUri") && oauthIssuer.length > 1) {
    problems.push(
      `${nameOf("oauthJwksUri")}: ${oauthIssuer.length} issuers cannot have the same keys; leave it out, or name one ${nameOf("oauthIssuer")}.`,
    );
  }
  return problems;
}
