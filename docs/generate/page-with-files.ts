/** A fenced block whose first line names its language and a file: ```` ```js examples/backend/crm.mjs ````. */
const FILE_BLOCK = /^```(\w+) (examples\/\S+)\n.*?^```$/gms;

/** Returns a page with the files that its blocks name as they are. `read` returns a file of the repository. */
export function pageWithFiles(page: string, read: (path: string) => string): string {
  return page.replace(
    FILE_BLOCK,
    (_, language: string, path: string) => `\`\`\`${language} ${path}\n${read(path)}\`\`\``,
  );
}
