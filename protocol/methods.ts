/**
 * The methods of the contract (section 3).
 *
 * @module
 */

export const METHOD = {
  create: "session/create",
  list: "session/list",
  delete: "session/delete",
} as const;

/** The most sessions on one page of `session/list`. */
export const LIST_PAGE = 1000;
