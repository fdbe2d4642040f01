import type { UserList } from "./user-list.ts";

/** A conversation with the lists on this node that have it. */
export interface ListedConversation {
  readonly name: string;
  /** Given by this node; ListNumbers know a conversation by it. */
  readonly number: number;
  readonly lists: UserList[];
}

/** Finds the lists that a change of a conversation concerns. Only conversations of users who asked for an inbox are here. */
export class ConversationLists {
  private readonly byName = new Map<string, ListedConversation>();
  private readonly byNumber = new Map<number, ListedConversation>();
  private nextNumber = 1;

  get size(): number {
    return this.byName.size;
  }

  find(name: string): ListedConversation | undefined {
    return this.byName.get(name);
  }

  /** Adds a conversation to a list that does not have it. */
  add(name: string, list: UserList): ListedConversation {
    let conversation = this.byName.get(name);
    if (conversation === undefined) {
      conversation = { name, number: this.nextNumber++, lists: [] };
      this.byName.set(name, conversation);
      this.byNumber.set(conversation.number, conversation);
    }
    conversation.lists.push(list);
    list.numbers.add(conversation.number);
    return conversation;
  }

  /** Removes a conversation from a list. Returns false if the list does not have it. */
  remove(name: string, list: UserList): boolean {
    const conversation = this.byName.get(name);
    if (conversation === undefined || !list.numbers.delete(conversation.number)) return false;
    this.forget(conversation, list);
    return true;
  }

  /** Adds those of `names` that the list does not have. Returns the conversations that it has beside them. */
  addMissing(list: UserList, names: readonly string[]): ListedConversation[] {
    const missing = new Set(names);
    const others: ListedConversation[] = [];
    for (const number of list.numbers.conversations()) {
      const conversation = this.byNumber.get(number)!;
      if (!missing.delete(conversation.name)) others.push(conversation);
    }
    for (const name of missing) this.add(name, list);
    return others;
  }

  /** Forgets a list that no socket needs any more. */
  drop(list: UserList): void {
    for (const number of list.numbers.conversations()) this.forget(this.byNumber.get(number)!, list);
  }

  private forget(conversation: ListedConversation, list: UserList): void {
    const { lists, name, number } = conversation;
    const at = lists.indexOf(list);
    lists[at] = lists.at(-1)!;
    lists.pop();
    if (lists.length > 0) return;
    this.byName.delete(name);
    this.byNumber.delete(number);
  }
}
