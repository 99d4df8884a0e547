import { readJson, writeJson } from '$lib/state/local';

const MOST = 30;

function read(key: string): string[] {
  const stored = readJson(key);
  return Array.isArray(stored) ? stored.filter((name) => typeof name === 'string') : [];
}

/** The models of one kind that were chosen lately, and the favourites, in this browser. */
export class Shelf {
  recent = $state.raw<readonly string[]>([]);
  favourites = $state.raw<readonly string[]>([]);

  constructor(private readonly kind: string) {
    this.recent = read(`models.recent.${kind}`);
    this.favourites = read(`models.favourite.${kind}`);
  }

  use(name: string): void {
    this.recent = [name, ...this.recent.filter((other) => other !== name)].slice(0, MOST);
    writeJson(`models.recent.${this.kind}`, this.recent);
  }

  favour(name: string, is: boolean): void {
    const others = this.favourites.filter((other) => other !== name);
    this.favourites = is ? [...others, name] : others;
    writeJson(`models.favourite.${this.kind}`, this.favourites);
  }
}
