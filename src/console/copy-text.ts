/** Puts `text` on the clipboard, and has it told whether the browser let it. */
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

/** Pages without TLS have no clipboard but this; a server on a private network has such pages. */
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
