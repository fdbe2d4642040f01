/** Copies `text` to the clipboard, and announces whether the browser allowed it. */
export async function copyText(text: string, announce: (words: string) => void): Promise<void> {
  announce((await isCopied(text)) ? "Copied" : "The browser did not let it be copied");
}

async function isCopied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** The only way to the clipboard on pages without TLS, such as those of a server on a private network. */
function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  const focused = document.activeElement;
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}
