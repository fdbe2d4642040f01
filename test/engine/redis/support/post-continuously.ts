import type { TestNode } from "./test-node.ts";

/**
 * Posts to rooms, one message after the other in each, until `stop`; repeats each post until it is stored, as a client
 * does. Returns the ids of the acknowledged messages in each room.
 */
export function postContinuously(node: TestNode, user: string, rooms: readonly string[]) {
  const stored = new Map<string, string[]>(rooms.map((room) => [room, []]));
  let going = true;
  const inRoom = async (conversation: string) => {
    for (let i = 1; going; i++) {
      const id = `${user} ${i}`;
      for (;;) {
        const result = await node.post(id, { conversation, user, limit: 100_000 });
        if ("seq" in result) break;
        await Bun.sleep(10);
      }
      stored.get(conversation)!.push(id);
      await Bun.sleep(1);
    }
  };
  const talking = Promise.all(rooms.map(inRoom));
  return {
    stored,
    async stop() {
      going = false;
      await talking;
    },
  };
}
