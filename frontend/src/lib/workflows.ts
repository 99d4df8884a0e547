import { MODES, type Mode, type Workflow } from './api/types';

const MOST_RECENT = 8;

/** `name` in front of the recently used ones. */
export function remember(recent: readonly string[], name: string): string[] {
  return [name, ...recent.filter((other) => other !== name)].slice(0, MOST_RECENT);
}

/** The usable workflows that were used lately, latest first. */
export function recentOnes(workflows: readonly Workflow[], recent: readonly string[]): Workflow[] {
  return recent
    .map((name) => workflows.find((workflow) => workflow.name === name && !workflow.error))
    .filter((found) => found !== undefined);
}

/**
 * The workflows that are one tap away: for each mode the one used last, else its first; then others up to `size`.
 * Their order is that of the modes, so that a tile stays where the thumb expects it.
 */
export function quickPicks(workflows: readonly Workflow[], recent: readonly string[], size = 4): Workflow[] {
  const usable = workflows.filter((workflow) => !workflow.error);
  const used = recentOnes(usable, recent);
  const picks: Workflow[] = [];
  for (const mode of MODES) {
    const found = used.find((workflow) => workflow.mode === mode) ?? usable.find((workflow) => workflow.mode === mode);
    if (found) picks.push(found);
  }
  for (const other of [...used, ...usable]) {
    if (picks.length >= size) break;
    if (!picks.includes(other)) picks.push(other);
  }
  return picks.slice(0, size);
}

/** The workflow to open: the one used last that still works, else the first quick pick. */
export function firstWorkflow(workflows: readonly Workflow[], recent: readonly string[]): Workflow | undefined {
  return recentOnes(workflows, recent)[0] ?? quickPicks(workflows, recent)[0];
}

/** The workflows of a mode (null: all) whose title, description, name or mode has every word of `query`. */
export function searchWorkflows(workflows: readonly Workflow[], query: string, mode: Mode | null): Workflow[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return workflows.filter((workflow) => {
    if (mode !== null && workflow.mode !== mode) return false;
    const text = [workflow.title, workflow.description, workflow.name, workflow.mode ?? ''].join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
