import {
  acceptCompletion,
  completionStatus,
  autocompletion,
  startCompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { EditorState, Prec, StateEffect, StateField, type Extension, type Range } from '@codemirror/state';
import { Decoration, EditorView, keymap, placeholder, type DecorationSet } from '@codemirror/view';
import { marks } from '$lib/prompts/marks';
import { difference, moved, parseElements, switched, withWeight, withWeightAround } from '$lib/prompts/elements';
import {
  knows,
  lastWords,
  rankedAliases,
  typedBefore,
  written,
  type Suggestion,
  type TagSource,
  type Typed,
} from './suggest';

/** One press of the keyboard's keys or one notch of the wheel. */
export const STEP = 0.05;
const COLOURED = 20_000;

export interface Surroundings {
  label: string;
  hint: string;
  tags: TagSource;
  aliases: () => readonly Suggestion[];
  /** Whether tags are written with spaces. */
  spaces: () => boolean;
  /** How many posts a tag has, as it is shown. */
  count: (count: number) => string;
  changed: (prompt: string) => void;
}

interface Judged {
  strangers: ReadonlySet<string>;
  aliases: readonly Suggestion[];
}

const judge = StateEffect.define<Judged>();

/** An editor of a prompt that is shown in no place yet. */
export function promptEditor(prompt: string, around: Surroundings): EditorView {
  return new EditorView({
    state: EditorState.create({
      doc: prompt,
      extensions: [
        history(),
        Prec.highest(keymap.of(elementKeys())),
        keymap.of([{ key: 'Tab', run: acceptSoon }, ...historyKeymap, ...defaultKeymap]),
        completions(around),
        colours,
        EditorState.lineSeparator.of('\n'),
        EditorView.lineWrapping,
        placeholder(around.hint),
        EditorView.contentAttributes.of({
          'aria-label': around.label,
          spellcheck: 'false',
          autocapitalize: 'off',
          autocorrect: 'off',
        }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) around.changed(update.state.doc.toString());
        }),
        look,
      ],
    }),
  });
}

/** Make a prompt of the one in an editor, as a step that can be undone. */
export function rewrite(view: EditorView, prompt: string, event = 'input.element'): void {
  const before = view.state.doc.toString();
  if (before === prompt) return;
  view.dispatch({ changes: difference(before, prompt), userEvent: event, scrollIntoView: true });
}

/** Tell an editor which tags are unknown, and which aliases there are. */
export function tell(view: EditorView, judged: Judged): void {
  view.dispatch({ effects: judge.of(judged) });
}

/** Put text where the cursor is. */
export function insert(view: EditorView, text: string): void {
  view.dispatch(view.state.replaceSelection(text), { scrollIntoView: true, userEvent: 'input' });
}

// Keys

function elementKeys() {
  const weigh = (step: number) => (view: EditorView) => weighSelected(view, step);
  const move = (by: number) => (view: EditorView) => moveSelected(view, by);
  return [
    ...['Ctrl', 'Mod'].flatMap((key) => [
      { key: `${key}-ArrowUp`, run: weigh(STEP) },
      { key: `${key}-ArrowDown`, run: weigh(-STEP) },
    ]),
    { key: 'Alt-ArrowLeft', run: move(-1) },
    { key: 'Alt-ArrowUp', run: move(-1) },
    { key: 'Alt-ArrowRight', run: move(1) },
    { key: 'Alt-ArrowDown', run: move(1) },
    { key: 'Mod-/', run: switchSelected },
  ];
}

function elementAt(prompt: string, at: number) {
  const found = parseElements(prompt);
  return found.find(({ to }) => to >= at) ?? found.at(-1);
}

function weighSelected(view: EditorView, step: number): boolean {
  const prompt = view.state.doc.toString();
  const { from, to, empty } = view.state.selection.main;
  const element = elementAt(prompt, from);
  if (!element) return true;
  const inside = from >= element.from && to <= element.to;
  if (empty || (inside && from === element.from && to === element.to)) {
    change(view, withWeight(prompt, element.id, element.weight + step), element.id);
  } else {
    const next = withWeightAround(prompt, from, to, step);
    const { from: start, to: end, insert: text } = difference(prompt, next);
    // The whole of it stays selected, so that the next press weighs it again.
    const grown = next.length - prompt.length;
    view.dispatch({
      changes: { from: start, to: end, insert: text },
      selection: { anchor: from, head: to + grown },
      userEvent: 'input.weight',
    });
  }
  return true;
}

function moveSelected(view: EditorView, by: number): boolean {
  const prompt = view.state.doc.toString();
  const element = elementAt(prompt, view.state.selection.main.head);
  if (element) change(view, moved(prompt, element.id, element.id + by), element.id + by);
  return true;
}

function switchSelected(view: EditorView): boolean {
  const prompt = view.state.doc.toString();
  const element = elementAt(prompt, view.state.selection.main.head);
  if (element) change(view, switched(prompt, element.id), element.id);
  return true;
}

/** Rewrite the prompt and leave the cursor at the end of an element. */
function change(view: EditorView, prompt: string, id: number): void {
  const before = view.state.doc.toString();
  if (before === prompt) return;
  const anchor = parseElements(prompt)[id]?.to ?? prompt.length;
  view.dispatch({
    changes: difference(before, prompt),
    selection: { anchor },
    userEvent: 'input.element',
    scrollIntoView: true,
  });
}

// Completion

function completions(around: Surroundings): Extension {
  return autocompletion({
    override: [(context) => complete(context, around)],
    activateOnTypingDelay: 0,
    updateSyncTime: 0,
    interactionDelay: 0,
    icons: false,
    maxRenderedOptions: 30,
    aboveCursor: false,
    tooltipClass: () => 'composer-completions',
    optionClass: (completion) => `composer-${completion.type ?? 'tag'}`,
  });
}

async function later(view: EditorView | undefined, typed: Typed, around: Surroundings): Promise<void> {
  const shown = around.tags.look(typed.query)?.items ?? [];
  await around.tags.fetch(typed.query).catch(() => undefined);
  if (!view?.hasFocus) return;
  const { head, empty } = view.state.selection.main;
  const now = typedBefore(view.state.sliceDoc(Math.max(0, head - 200), head));
  const fresh = around.tags.look(typed.query)?.items ?? [];
  const same = fresh.length === shown.length && fresh.every(({ name }, place) => name === shown[place]?.name);
  if (empty && !same && now?.query === typed.query) startCompletion(view);
}

function complete(
  context: CompletionContext,
  around: Surroundings,
): CompletionResult | null | Promise<CompletionResult | null> {
  const start = Math.max(0, context.pos - 200);
  const text = context.state.sliceDoc(start, context.pos);
  const typed = typedBefore(text);
  if (!typed) return null;
  if (typed.kind === 'alias') {
    return result({ ...typed, from: typed.from + start }, rankedAliases(around.aliases(), typed.query, 50), around);
  }
  const known = around.tags.look(typed.query);
  const shown = answer(typed, text, start, around);
  if (known?.final) return shown ?? lastOnes(context, typed, text, start, around);
  if (shown) {
    void later(context.view, typed, around);
    return shown;
  }
  return asked(context, typed, text, start, around);
}

/** What is known for what is typed. */
function answer(typed: Typed, text: string, start: number, around: Surroundings): CompletionResult | null {
  const sought = text.slice(typed.from).trim();
  const aliases = sought.length > 1 && !/\s/.test(sought) ? rankedAliases(around.aliases(), sought) : [];
  const found = [...aliases, ...(around.tags.look(typed.query)?.items ?? [])];
  return found.length > 0 ? result({ ...typed, from: typed.from + start }, found, around) : null;
}

async function asked(
  context: CompletionContext,
  typed: Typed,
  text: string,
  start: number,
  around: Surroundings,
): Promise<CompletionResult | null> {
  await around.tags.fetch(typed.query).catch(() => undefined);
  if (context.aborted) return null;
  return answer(typed, text, start, around) ?? lastOnes(context, typed, text, start, around);
}

async function lastOnes(
  context: CompletionContext,
  typed: Typed,
  text: string,
  start: number,
  around: Surroundings,
): Promise<CompletionResult | null> {
  for (const words of lastWords(typed, text)) {
    if (!around.tags.look(words.query)?.final) await around.tags.fetch(words.query).catch(() => undefined);
    if (context.aborted) return null;
    const shown = answer(words, text, start, around);
    if (shown) return shown;
  }
  return null;
}

function result(typed: Typed, found: readonly Suggestion[], around: Surroundings): CompletionResult | null {
  if (found.length === 0) return null;
  return { from: typed.from, filter: false, options: found.map((suggestion) => option(suggestion, around)) };
}

function option(suggestion: Suggestion, around: Surroundings): Completion {
  const alias = suggestion.kind === 'alias';
  return {
    label: alias ? `$${suggestion.name}$` : suggestion.name.replaceAll('_', ' '),
    detail: alias ? suggestion.text.slice(0, 60) : around.count(suggestion.count),
    type: alias ? 'alias' : suggestion.category,
    apply: (view, _, from, to) => {
      const text = alias ? `$${suggestion.name}$` : written(suggestion.name, around.spaces());
      const rest = view.state.sliceDoc(to, Math.min(view.state.doc.length, to + 60));
      // Behind the last element the next one follows.
      const more = rest.trim() === '' ? ', ' : '';
      view.dispatch({
        changes: { from, to, insert: text + more },
        selection: { anchor: from + text.length + more.length },
        userEvent: 'input.complete',
        scrollIntoView: true,
      });
    },
  };
}

// Colours

interface Coloured extends Judged {
  decorations: DecorationSet;
}

const colours = StateField.define<Coloured>({
  create: (state) => coloured(state.doc.toString(), { strangers: new Set(), aliases: [] }),
  update(value, transaction) {
    const judged = transaction.effects.find((effect) => effect.is(judge))?.value as Judged | undefined;
    if (!judged && !transaction.docChanged) return value;
    return coloured(transaction.state.doc.toString(), judged ?? value);
  },
  provide: (field) => EditorView.decorations.from(field, ({ decorations }) => decorations),
});

function coloured(prompt: string, { strangers, aliases }: Judged): Coloured {
  const found: Range<Decoration>[] = [];
  // Beyond that only the text is shown; nobody reads colours of a book.
  if (prompt.length <= COLOURED) {
    for (const { from, to, kind } of marks(prompt, knows(aliases))) {
      found.push(Decoration.mark({ class: `composer-mark-${kind}` }).range(from, to));
    }
    for (const { from, to, text, off } of parseElements(prompt)) {
      if (off) found.push(Decoration.mark({ class: 'composer-mark-off' }).range(from, to));
      else if (strangers.has(text)) found.push(Decoration.mark({ class: 'composer-mark-unknown' }).range(from, to));
    }
  }
  return { strangers, aliases, decorations: Decoration.set(found, true) };
}

const look = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'transparent', color: 'var(--color-ink)', fontSize: '1rem' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'inherit', lineHeight: '1.75', overscrollBehavior: 'contain' },
  '.cm-content': { padding: '0.75rem 1rem', caretColor: 'var(--color-accent)' },
  '.cm-line': { padding: '0' },
  '.cm-cursor': { borderLeftColor: 'var(--color-accent)', borderLeftWidth: '2px' },
  '.cm-placeholder': { color: 'var(--color-soft)' },
  '.composer-mark-alias': { color: 'var(--color-good)', fontWeight: '600' },
  '.composer-mark-stranger': { color: 'var(--color-bad)', textDecoration: 'underline wavy' },
  '.composer-mark-weight': { color: 'var(--color-accent)', fontWeight: '600' },
  '.composer-mark-wildcard': { color: 'var(--color-accent)', fontWeight: '700' },
  '.composer-mark-network': { color: 'var(--color-good)', fontStyle: 'italic' },
  '.composer-mark-off': { color: 'var(--color-soft)', textDecoration: 'line-through' },
  '.composer-mark-unknown': {
    textDecoration: 'underline dotted var(--color-bad)',
    textUnderlineOffset: '4px',
    textDecorationThickness: '2px',
  },
  '.cm-tooltip.cm-tooltip-autocomplete': {
    border: '1px solid var(--color-line)',
    borderRadius: '0.75rem',
    background: 'var(--color-raised)',
    color: 'var(--color-ink)',
    boxShadow: '0 12px 36px rgb(0 0 0 / 0.28)',
    overflow: 'hidden',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': {
    fontFamily: 'inherit',
    maxHeight: 'min(19rem, 40dvh)',
    minWidth: 'min(18rem, 80vw)',
    maxWidth: 'min(30rem, 92vw)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': {
    display: 'flex',
    alignItems: 'center',
    gap: '1rem',
    minHeight: '2.25rem',
    padding: '0.25rem 0.75rem',
    lineHeight: '1.3',
  },
  '@media (pointer: coarse)': {
    '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { minHeight: '2.75rem' },
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    background: 'var(--color-well)',
    color: 'var(--color-ink)',
    boxShadow: 'inset 3px 0 0 var(--color-lamp)',
  },
  '.cm-completionLabel': { overflow: 'hidden', textOverflow: 'ellipsis' },
  '.cm-completionDetail': {
    marginLeft: 'auto',
    color: 'var(--color-soft)',
    fontStyle: 'normal',
    fontSize: '0.8125rem',
    fontVariantNumeric: 'tabular-nums',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
  },
  '.composer-alias .cm-completionLabel': { color: 'var(--color-good)', fontWeight: '600', flexShrink: '0' },
  '.composer-artist .cm-completionLabel': { color: 'var(--color-bad)' },
  '.composer-character .cm-completionLabel': { color: 'var(--color-good)' },
  '.composer-copyright .cm-completionLabel': { color: 'var(--color-accent)' },
});

const READY_MS = 25;
const PATIENCE = 40;

/** Take the chosen completion; while a better list is on its way, take it from that, unless something else is typed. */
function acceptSoon(view: EditorView): boolean {
  if (acceptCompletion(view)) return true;
  if (completionStatus(view.state) !== 'pending') return false;
  const { doc } = view.state;
  let left = PATIENCE;
  const again = () => {
    if (view.state.doc !== doc || left-- === 0 || completionStatus(view.state) === null) return;
    if (!acceptCompletion(view)) setTimeout(again, READY_MS);
  };
  setTimeout(again, READY_MS);
  return true;
}
