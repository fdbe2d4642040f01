import type { ValidateFunction } from "ajv";
import Ajv2020 from "ajv/dist/2020.js";

interface Media {
  readonly schema: object;
}

interface Response_ {
  readonly content?: Readonly<Record<string, Media>>;
}

interface Document {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Response_>> }>>>
  >;
  readonly components: { readonly responses: Readonly<Record<string, Response_>> };
}

/** Checks the answers of a server by docs/openapi.json. */
export class AnswerCheck {
  private readonly document: Document;
  // The document has no schema that is meant otherwise than JSON Schema says; `format` and others of OpenAPI are not checked.
  private readonly ajv = new Ajv2020({ strict: false, validateFormats: false });
  private readonly validators = new Map<object, ValidateFunction>();
  private readonly used = new Set<string>();

  constructor(document: object) {
    this.document = closed(document) as Document;
  }

  /** Returns a `fetch` that throws where an answer is not what the document says. */
  around(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
    const checked = async (...request: Parameters<typeof fetch>): Promise<Response> => {
      const response = await fetch(...request);
      const [input, init] = request;
      await this.check(init?.method ?? "GET", new URL(String(input)).pathname, response.clone());
      return response;
    };
    return checked as unknown as typeof globalThis.fetch;
  }

  /** The verbs of the document that no request has used. */
  unused(): string[] {
    return Object.entries(this.document.paths)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
      .filter((verb) => !this.used.has(verb));
  }

  private async check(method: string, path: string, response: Response): Promise<void> {
    const { status } = response;
    const named = Object.keys(this.document.paths)
      .filter((pattern) => new RegExp(`^${pattern.replace(/\{\w+\}/g, "[^/]+")}$`).test(path))
      .find((pattern) => method.toLowerCase() in this.document.paths[pattern]!);
    if (named === undefined) throw new Error(`${method} ${path} is not in the document.`);
    this.used.add(`${method} ${named}`);
    const answer = `${method} ${path} answered ${status}`;
    const found = this.document.paths[named]![method.toLowerCase()]!.responses[status];
    if (found === undefined) throw new Error(`${answer}, which is not in the document.`);
    const { content = {} } = this.resolve(found);
    const text = await response.text();
    const type = (response.headers.get("Content-Type") ?? "").split(";")[0]!;
    if (text === "" && Object.keys(content).length === 0) return;
    const media = content[type];
    if (media === undefined) throw new Error(`${answer} as ${type}, which is not in the document.`);
    const validate = this.validatorOf(media.schema);
    if (validate(JSON.parse(text))) return;
    throw new Error(`${answer} with ${text}: ${this.ajv.errorsText(validate.errors)}`);
  }

  private resolve(response: Response_ & { readonly $ref?: string }): Response_ {
    return response.$ref === undefined
      ? response
      : this.document.components.responses[response.$ref.split("/").at(-1)!]!;
  }

  private validatorOf(schema: object): ValidateFunction {
    const known = this.validators.get(schema);
    if (known !== undefined) return known;
    const made = this.ajv.compile({ ...schema, components: this.document.components });
    this.validators.set(schema, made);
    return made;
  }
}

/** Closes the objects of answers, which the document leaves open for later fields: here a field that it does not name is a fault. */
function closed(value: unknown, isPart = false): unknown {
  if (Array.isArray(value)) return value.map((each) => closed(each, isPart));
  if (typeof value !== "object" || value === null) return value;
  const parts = Object.entries(value).map(([name, field]) => [name, closed(field, name === "allOf")]);
  const copy = Object.fromEntries(parts);
  const isObject = copy.type === "object" && "properties" in copy && !("additionalProperties" in copy);
  return isObject && !isPart ? { ...copy, additionalProperties: false } : copy;
}
