// Makes the page at /docs of docs/openapi.json: plain HTML that needs no script, so that it may be saved and read elsewhere.
import { codeHtml, escapeHtml, type JsonSchema, schemaHtml } from "./schema-html.ts";

interface Media {
  readonly schema: JsonSchema;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

interface Response {
  readonly description: string;
  readonly content?: Readonly<Record<string, Media>>;
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, Response | { readonly $ref: string }>>;
}

/** The parts of an OpenAPI document that the page shows. */
export interface ApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly webhooks: Readonly<Record<string, unknown>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly responses: Readonly<Record<string, Response>>;
  };
}

/** Returns the page. It loads its style sheet, `docs/style.css` as seen from its address, and nothing else. */
export function renderApiPage(document: ApiDocument): string {
  const { info, tags, components } = document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const sections = tags.map(({ name }) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(name));
    const shown = own.map(({ path, method, operation }) => operationHtml(document, path, method, operation));
    return `<section><h2 id="tag-${escapeHtml(name)}">${escapeHtml(name)}</h2>${shown.join("")}</section>`;
  });
  const objects = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<section class="object"><h3 id="${escapeHtml(name)}">${escapeHtml(name)}</h3>${aboutHtml(schema)}${schemaHtml(schema)}</section>`,
  );
  const links = [
    ...tags.map(({ name }) => [`tag-${name}`, name] as const),
    ["webhook-events", "events of webhooks"] as const,
    ["objects", "objects"] as const,
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(info.title)}: HTTP API</title>
<link rel="stylesheet" href="docs/style.css">
</head>
<body>
<header>
<h1>${escapeHtml(info.title)} ${escapeHtml(info.version)}: HTTP API</h1>
<p>${escapeHtml(info.description)} The same for programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<nav aria-label="Parts of the API"><ul>${links
    .map(([id, name]) => `<li><a href="#${escapeHtml(id)}">${escapeHtml(name)}</a></li>`)
    .join("")}</ul></nav>
</header>
<main>
${sections.join("\n")}
<section><h2 id="webhook-events">events of webhooks</h2><p>A webhook gets each event by POST, with the body <a href="#Event">Event</a>: ${Object.keys(
    document.webhooks,
  )
    .map((type) => `<code>${escapeHtml(type)}</code>`)
    .join(", ")}.</p></section>
<section><h2 id="objects">objects</h2>${objects.join("\n")}</section>
</main>
</body>
</html>
`;
}

function operationHtml(
  document: ApiDocument,
  path: string,
  method: string,
  { operationId, summary, description, parameters, requestBody, responses }: Operation,
): string {
  const bodies = Object.entries(requestBody?.content ?? {});
  const rows = parameters.map(
    ({ name, in: place, required, description: about, schema }) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${escapeHtml(place)}${required ? ", required" : ""}</td><td>${schemaHtml(schema)}${about === undefined ? "" : ` – ${codeHtml(about)}`}</td></tr>`,
  );
  const parts = [
    `<p>${codeHtml(description)}</p>`,
    rows.length > 0 &&
      `<table><thead><tr><th scope="col">parameter</th><th scope="col">in</th><th scope="col">value</th></tr></thead><tbody>${rows.join("")}</tbody></table>`,
    bodies[0] &&
      `<h4>body</h4><p>${bodies.map(([type]) => `<code>${escapeHtml(type)}</code>`).join(" or ")}</p>${schemaHtml(bodies[0][1].schema)}`,
    `<h4>answers</h4><dl>${Object.entries(responses)
      .map(([status, response]) => responseHtml(document, status, response))
      .join("")}</dl>`,
  ].filter((part) => part);
  return `<details id="${escapeHtml(operationId)}"><summary><code class="method">${escapeHtml(method.toUpperCase())}</code> <code>${escapeHtml(path)}</code> ${codeHtml(summary)}</summary>${parts.join("")}</details>`;
}

function responseHtml(
  { components }: ApiDocument,
  status: string,
  found: Response | { readonly $ref: string },
): string {
  const isRefusal = "$ref" in found;
  const response = isRefusal ? components.responses[found.$ref.split("/").at(-1)!] : found;
  const schema = Object.values(response?.content ?? {})[0]?.schema;
  const shown = isRefusal || schema === undefined ? "" : schemaHtml(schema);
  return `<dt>${escapeHtml(status)}</dt><dd>${codeHtml(response?.description ?? "")} ${shown}</dd>`;
}

function aboutHtml({ description }: JsonSchema): string {
  return description === undefined ? "" : `<p>${codeHtml(description)}</p>`;
}
