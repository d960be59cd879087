/** Tools that are always there. */
const core = [
  "browser_click",
  "browser_close",
  "browser_console_messages",
  "browser_drag",
  "browser_drop",
  "browser_emulate_media",
  "browser_evaluate",
  "browser_file_upload",
  "browser_fill_form",
  "browser_find",
  "browser_handle_dialog",
  "browser_hover",
  "browser_navigate",
  "browser_navigate_back",
  "browser_network_request",
  "browser_network_requests",
  "browser_press_key",
  "browser_resize",
  "browser_select_option",
  "browser_snapshot",
  "browser_tabs",
  "browser_take_screenshot",
  "browser_type",
  "browser_wait_for",
];

/** Runs a client's code in the server's own process: upstream has it on, here it takes an option. */
export const unsafeTool = "browser_run_code_unsafe";

/** Tools that come with a capability. */
const extra = {
  vision: [
    "browser_mouse_click_xy",
    "browser_mouse_down",
    "browser_mouse_drag_xy",
    "browser_mouse_move_xy",
    "browser_mouse_up",
    "browser_mouse_wheel",
  ],
  pdf: ["browser_pdf_save"],
  network: ["browser_network_state_set", "browser_route", "browser_route_list", "browser_unroute"],
  storage: [
    "browser_cookie_clear",
    "browser_cookie_delete",
    "browser_cookie_get",
    "browser_cookie_list",
    "browser_cookie_set",
    "browser_localstorage_clear",
    "browser_localstorage_delete",
    "browser_localstorage_get",
    "browser_localstorage_list",
    "browser_localstorage_set",
    "browser_sessionstorage_clear",
    "browser_sessionstorage_delete",
    "browser_sessionstorage_get",
    "browser_sessionstorage_list",
    "browser_sessionstorage_set",
    "browser_set_storage_state",
    "browser_storage_state",
  ],
  testing: [
    "browser_generate_locator",
    "browser_verify_element_visible",
    "browser_verify_list_visible",
    "browser_verify_text_visible",
    "browser_verify_value",
  ],
};

export type Capability = keyof typeof extra;
export const capabilities = Object.keys(extra) as Capability[];

/** Every tool of `@playwright/mcp` 0.0.83 that can be switched on. */
export const allTools: readonly string[] = [...core, unsafeTool, ...Object.values(extra).flat()];

/** Those that are there with these options. */
export const toolsWith = (chosen: readonly Capability[], unsafe: boolean): readonly string[] => [
  ...core,
  ...(unsafe ? [unsafeTool] : []),
  ...chosen.flatMap((capability) => extra[capability]),
];
