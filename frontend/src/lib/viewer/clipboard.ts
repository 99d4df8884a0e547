/**
 * Put a text on the clipboard; false where the browser does not let the page. Pages that are not served over TLS, such
 * as those of a computer in the same home, have no other way than a selection.
 */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text);
  }
}

function copySelection(text: string): boolean {
  const focused = document.activeElement;
  const area = document.createElement('textarea');
  area.value = text;
  area.readOnly = true;
  area.className = 'sr-only';
  // Within an open dialog: everything else cannot be focused.
  (focused?.closest('dialog, [role=dialog]') ?? document.body).append(area);
  area.select();
  try {
    // Deprecated, and all that there is without TLS.
    return document.execCommand('copy');
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
  }
}
