import type { Question } from "../../../src/core/approval/question.ts";

/** A question with the header fields that it came with. */
export interface Received extends Question {
  readonly headers: Headers;
  readonly body: string;
}

type Reply = object | Response;

/** The operator's server: it records the questions, and answers each by `answer`. */
export class OperatorServer implements Disposable {
  readonly questions: Received[] = [];
  /** Accepts all until a test sets another one. */
  answer: (question: Question) => Reply | Promise<Reply> = () => ({ action: "accept" });
  private wake: () => void = () => {};
  private readonly server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: async (request) => {
      const body = await request.text();
      const question = JSON.parse(body) as Question;
      this.questions.push({ ...question, headers: request.headers, body });
      this.wake();
      const reply = await this.answer(question);
      return reply instanceof Response ? reply : Response.json(reply);
    },
  });

  get url(): string {
    return `http://127.0.0.1:${this.server.port}/approve`;
  }

  /** The texts that were asked about in a conversation, in their order. */
  textsOf(conversation: string): (string | undefined)[] {
    return this.questions
      .filter((question) => question.conversation === conversation)
      .map(({ message }) => message?.text);
  }

  /** Resolves when so many questions about a conversation have come. */
  async asked(conversation: string, count = 1): Promise<void> {
    while (this.textsOf(conversation).length < count)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
  }

  [Symbol.dispose](): void {
    this.server.stop(true);
  }
}
