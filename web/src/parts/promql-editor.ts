// CodeMirror with PromQL: completion from live data, errors marked where they are. Loaded when first needed.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";

const colours = HighlightStyle.define([
  { tag: tags.name, color: "var(--text)" },
  { tag: tags.function(tags.variableName), color: "var(--accent)" },
  { tag: tags.keyword, color: "var(--accent)" },
  { tag: tags.labelName, color: "var(--good)" },
  { tag: tags.string, color: "var(--warn)" },
  { tag: tags.number, color: "var(--bad)" },
  { tag: tags.comment, color: "var(--text-soft)" },
]);

export function openEditor(parent: HTMLElement, doc: string, dark: boolean, onRun: (text: string) => void) {
  const promql = new PromQLExtension().setComplete({ remote: { url: "", fetchFn: (input, init) => fetch(input, init) } });
  const run = {
    key: "Enter",
    run: (view: EditorView) => {
      onRun(view.state.doc.toString().trim());
      return true;
    },
  };
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc,
      extensions: [
        Prec.highest(keymap.of([run])),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
        history(),
        bracketMatching(),
        closeBrackets(),
        autocompletion(),
        syntaxHighlighting(colours),
        EditorView.lineWrapping,
        EditorView.darkTheme.of(dark),
        EditorView.contentAttributes.of({ "aria-label": "PromQL query" }),
        placeholder("PromQL, Enter runs it"),
        promql.asExtension(),
      ],
    }),
  });
  view.focus();
  return {
    set(text: string) {
      const now = view.state.doc.toString();
      if (now !== text) view.dispatch({ changes: { from: 0, to: now.length, insert: text } });
    },
    destroy: () => view.destroy(),
  };
}
