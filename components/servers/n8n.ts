import { z } from "zod";
import { field, flag } from "../../config/field.ts";
import { defineServer } from "../server-definition.ts";

/** Tools over the documentation in the image. */
const documentation = [
  "tools_documentation",
  "search_nodes",
  "get_node",
  "validate_node",
  "get_template",
  "search_templates",
  "validate_workflow",
];

/** Tools over an instance that change nothing, some of them less the operations that would. */
const reading = [
  "n8n_audit_instance",
  "n8n_evaluations",
  "n8n_executions",
  "n8n_get_workflow",
  "n8n_health_check",
  "n8n_list_catalog",
  "n8n_list_workflows",
  "n8n_manage_datatable",
  "n8n_manage_folders",
  "n8n_validate_workflow",
];

const writingOperations = [
  "n8n_evaluations:run,cancel",
  "n8n_executions:delete",
  "n8n_manage_datatable:createTable,updateTable,deleteTable,insertRows,updateRows,upsertRows,deleteRows,addColumn,deleteColumn,renameColumn",
  "n8n_manage_folders:create,rename,move,delete",
];

/**
 * Tools that change an instance. Two of them can also read, but not by themselves: versions are those of workflows that
 * this server changed, and the credentials tool has no switch for each of its operations. Two more need a second token.
 */
const writing = [
  "n8n_autofix_workflow",
  "n8n_create_workflow",
  "n8n_delete_workflow",
  "n8n_deploy_template",
  "n8n_explore_node_resources",
  "n8n_manage_agents",
  "n8n_manage_credentials",
  "n8n_test_workflow",
  "n8n_update_full_workflow",
  "n8n_update_partial_workflow",
  "n8n_workflow_versions",
];

/** What n8n's nodes and templates are and how they fit together; with an instance, its workflows too. */
export const n8n = defineServer({
  name: "n8n",
  description: "Nodes and templates of n8n, and the workflows of an instance",
  port: 8507,
  uid: 10007,
  session: { memory: 180, processes: 16 },
  sessions: 16,
  egress: ({ url }) => (url === undefined ? "none" : "web"),
  baseImages: [],
  tools: [...documentation, ...reading, ...writing],
  offeredTools: ({ url, readOnly }) => [
    ...documentation,
    ...(url === undefined ? [] : reading),
    ...(url === undefined || readOnly ? [] : writing),
  ],
  secrets: [
    {
      key: "apiKey",
      env: "N8N_API_KEY",
      remedy: "an API key from the instance's settings, n8n API",
      neededFor: ({ url }) => url !== undefined,
    },
  ],
  options: {
    url: field(
      {
        description: "The instance whose workflows clients see. Default: none, only the documentation.",
        allowed: "an http or https URL",
        remedy: "write it as https://n8n.example.com, without /api/v1",
      },
      z
        .string()
        .regex(/^https?:\/\/[a-zA-Z0-9][\w.-]*(:\d+)?(\/[\w./-]*)?$/)
        .optional(),
    ),
    readOnly: flag("Offer only what changes nothing in the instance.", true),
    allowPrivateAddresses: flag("The instance may have a private or loopback address.", false),
  },
  specifics: ({ url, readOnly, allowPrivateAddresses }) => ({
    envs: url === undefined ? {} : instanceEnvs(url, readOnly, allowPrivateAddresses),
  }),
});

const instanceEnvs = (url: string, readOnly: boolean, allowPrivateAddresses: boolean) => ({
  N8N_API_URL: url,
  WEBHOOK_SECURITY_MODE: allowPrivateAddresses ? "permissive" : "strict",
  ...(readOnly && { DISABLED_TOOLS: writing.join(","), DISABLED_TOOL_OPERATIONS: writingOperations.join(";") }),
});
