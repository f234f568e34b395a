// Why connections end, and whether to come back. Made from backend/lobby/errors.py by scripts/docs.py.

/**
 * By the code of an `error`: the close code that goes with it, whether to come back, and what it means.
 * @type {Record<string, { close: number, retry: boolean, meaning: string }>}
 */
export const CODES = {
  restarting: { close: 4000, retry: true, meaning: "the server is restarting" },
  silent: { close: 4001, retry: true, meaning: "nothing was received from you for two heartbeats" },
  slow_reader: { close: 4002, retry: true, meaning: "you read too slowly; too many messages were waiting for you" },
  flood: { close: 4003, retry: true, meaning: "you kept sending far above the limit" },
  room_full: { close: 4004, retry: true, meaning: "the room is full" },
  too_many_connections: { close: 4005, retry: true, meaning: "too many connections from your address, or of this player" },
  over_budget: { close: 4006, retry: true, meaning: "the lobby has spent its budget for today; connected players may stay" },
  taken_over: { close: 4500, retry: false, meaning: "the same player connected again; the newer connection stays" },
  unauthorized: { close: 4501, retry: false, meaning: "a token is needed, or this one is not valid" },
  token_expired: { close: 4502, retry: false, meaning: "the token has expired; fetch a new one" },
  forbidden: { close: 4503, retry: false, meaning: "the token is for another player or another room" },
  origin_not_allowed: { close: 4504, retry: false, meaning: "pages from this origin may not connect" },
  bad_handshake: { close: 4505, retry: false, meaning: "pid, room, name or v in the address is not valid; the text says which" },
  kicked: { close: 4506, retry: false, meaning: "an operator of the lobby removed you" },
  banned: { close: 4507, retry: false, meaning: "an operator of the lobby has banned you; the text says until when" },
  room_closed: { close: 4508, retry: false, meaning: "an operator of the lobby closed this room" },
  invitation_needed: { close: 4509, retry: false, meaning: "this room needs a token that names it: a token for any room is not enough" },
  binary: { close: 1003, retry: true, meaning: "the lobby does not accept binary frames" },
  bad_text: { close: 1007, retry: true, meaning: "the text is not UTF-8" },
  too_large_frame: { close: 1009, retry: true, meaning: "a frame or a message of over 32 KiB, or a message of over 128 fragments" },
  bad_frame: { close: 1002, retry: true, meaning: "a frame breaks the WebSocket protocol (RFC 6455)" },
};

/**
 * Close codes that are not the lobby's own, with their meaning for people.
 * @type {Record<number, string>}
 */
export const CLOSES = {
  1000: "the lobby closed the connection",
  1001: "the lobby is going away",
  1006: "the connection broke off",
  1009: "a message was too large",
  1011: "the lobby had an error",
  1012: "the lobby restarts",
  1013: "the lobby is busy",
};
