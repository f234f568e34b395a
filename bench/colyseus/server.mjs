// A Colyseus room with the state that the bench compares: a map of players, patched every 50 ms.
// It listens on the port in the environment variable PORT.
import { matchMaker, Room, Server } from "@colyseus/core";
import { schema, t } from "@colyseus/schema";
import { WebSocketTransport } from "@colyseus/ws-transport";

const Player = schema({ x: t.float32(), y: t.float32(), vx: t.float32(), vy: t.float32(), h: t.float32() }, "Player");
const State = schema({ players: t.map(Player) }, "State");

class Bench extends Room {
  onCreate() {
    this.maxClients = 100_000;
    this.autoDispose = false;
    this.patchRate = 50;
    this.maxMessagesPerSecond = Infinity;
    this.state = new State();
    this.onMessage("pos", (client, { x, y, vx, vy, h }) => {
      Object.assign(this.state.players.get(client.sessionId), { x, y, vx, vy, h });
    });
  }

  onJoin(client) {
    this.state.players.set(client.sessionId, new Player({ x: 0, y: 0, vx: 0, vy: 0, h: 0 }));
  }

  onLeave(client) {
    this.state.players.delete(client.sessionId);
  }
}

const server = new Server({ transport: new WebSocketTransport(), greet: false });
server.define("bench", Bench);
await server.listen(Number(process.env.PORT), "127.0.0.1");
