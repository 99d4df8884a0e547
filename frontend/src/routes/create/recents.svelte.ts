import { readJson, writeJson } from '$lib/state/local';
import { remember } from '$lib/workflows';

const KEY = 'recent-workflows';

/** The workflows that were used lately in this browser, latest first. */
class Recents {
  names = $state.raw<string[]>(read());

  use(name: string): void {
    if (this.names[0] === name) return;
    this.names = remember(this.names, name);
    writeJson(KEY, this.names);
  }

  rename(old: string, name: string): void {
    this.names = this.names.map((other) => (other === old ? name : other));
    writeJson(KEY, this.names);
  }
}

function read(): string[] {
  const stored = readJson(KEY);
  return Array.isArray(stored) ? stored.filter((name) => typeof name === 'string') : [];
}

export const recents = new Recents();
