// A fake of the browser's WebSockets and clock. The test takes the part of the lobby.

class FakeWebSocket {
  readyState = 0;
  sent = [];
  closed = null;
  onopen = null;
  onmessage = null;
  onclose = null;

  constructor(url) {
    this.url = url;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closed = code;
    this.readyState = 2;
  }

  // What the lobby does:

  open() {
    this.readyState = 1;
    this.onopen?.();
    return this;
  }

  receives(message) {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
    return this;
  }

  ends(code, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
    return this;
  }
}

export class FakeNetwork {
  now_ms = 0;
  sockets = [];
  /** Set it, and the browser refuses to open sockets. */
  refusal = "";

  /** What the client gets instead of the browser. */
  get surroundings() {
    const open = (url) => {
      if (this.refusal) throw new Error(this.refusal);
      this.sockets.push(new FakeWebSocket(url));
      return this.sockets.at(-1);
    };
    return { open, now: () => this.now_ms, random: () => 0.5 };
  }

  get socket() {
    return this.sockets.at(-1);
  }

  /** All messages of one action that were sent. */
  sent(action) {
    return this.sockets.flatMap((socket) => socket.sent).filter((message) => message.action === action);
  }

  /** Lets time pass; the lobby answers pings. */
  pass(poll, ms, answers_pings = true) {
    const until_ms = this.now_ms + ms;
    for (; this.now_ms < until_ms; this.now_ms += 20) {
      poll();
      for (const socket of this.sockets) {
        for (const message of socket.sent) {
          if (message.action !== "ping" || message.is_answered || !answers_pings || socket.readyState !== 1) continue;
          message.is_answered = true;
          socket.receives({ type: "pong", t: message.t, now: 1 });
        }
      }
    }
  }
}
