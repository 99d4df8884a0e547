const PREFIX = 'cozygen.';

/** A text kept in this browser; null when there is none or storage is off. */
export function readText(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

/** Keep a text in this browser, or forget it with null. A full or forbidden storage is no error: the app goes on. */
export function writeText(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // Private windows and full disks: the value lives as long as the page.
  }
}

/** A JSON value kept in this browser; null when there is none that can be read. */
export function readJson(key: string): unknown {
  const text = readText(key);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Keep a JSON value in this browser. */
export function writeJson(key: string, value: unknown): void {
  writeText(key, JSON.stringify(value));
}
