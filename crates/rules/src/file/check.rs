//! The meaning of a file: unique groups, valid names, expressions that parse, templates that parse.

use std::collections::HashSet;

use model::labels::Labels;
use model::quote::{is_plain_label_name, is_plain_metric_name};
use promql::Expr;
use yaml::Position;

use super::read::{GroupDraft, RuleDraft};
use super::{NameScheme, ReadOptions, Rule, RuleFile, RuleGroup, RuleKind, RulesError};
use crate::template::Template;

pub(super) fn check(drafts: Vec<GroupDraft>, options: ReadOptions) -> Result<RuleFile, Vec<RulesError>> {
    let mut errors = Vec::new();
    let mut names = HashSet::new();
    let mut groups = Vec::new();
    for draft in drafts {
        let position = draft.position;
        if draft.name.is_empty() {
            errors.push(RulesError::Group { position, message: "Groupname must not be empty".to_owned() });
        }
        if !names.insert(draft.name.clone()) {
            let message = format!("groupname: \"{}\" is repeated in the same file", draft.name);
            errors.push(RulesError::Group { position, message });
        }
        for (name, _) in draft.labels.iter().filter(|(name, _)| !is_label(name, options.names)) {
            errors.push(RulesError::Group { position, message: format!("invalid label name: {name}") });
        }
        groups.push(group(draft, options, &mut errors));
    }
    if errors.is_empty() { Ok(RuleFile { groups }) } else { Err(errors) }
}

fn group(draft: GroupDraft, options: ReadOptions, errors: &mut Vec<RulesError>) -> RuleGroup {
    let mut rules = Vec::new();
    for (place, rule) in draft.rules.into_iter().enumerate() {
        let name = if rule.alert.text.is_empty() { &rule.record.text } else { &rule.alert.text }.clone();
        let mut problems = Problems { list: Vec::new() };
        let expr = problems.rule(&rule, options);
        errors.extend(problems.list.into_iter().map(|problem| RulesError::Rule {
            positions: problem.positions,
            group: draft.name.clone(),
            rule: place + 1,
            name: name.clone(),
            message: problem.message,
            suggestion: problem.suggestion,
        }));
        rules.extend(expr.map(|expr| finished(rule, expr)));
    }
    let GroupDraft { name, interval_ms, query_offset_ms, limit, labels, position, .. } = draft;
    RuleGroup { name, interval_ms, query_offset_ms, limit, labels, rules, position }
}

fn finished(draft: RuleDraft, expr: Expr) -> Rule {
    let kind = if draft.record.text.is_empty() {
        RuleKind::Alert {
            name: draft.alert.text,
            for_ms: draft.for_ms,
            keep_firing_for_ms: draft.keep_firing_for_ms,
            annotations: draft.annotations,
        }
    } else {
        RuleKind::Record { metric: draft.record.text }
    };
    Rule { kind, query: draft.query.text, expr, labels: draft.labels, position: draft.position }
}

fn is_label(name: &str, scheme: NameScheme) -> bool {
    let is_valid = match scheme {
        NameScheme::Utf8 => !name.is_empty(),
        NameScheme::Legacy => is_plain_label_name(name),
    };
    is_valid && name != Labels::METRIC_NAME
}

struct Problem {
    positions: Vec<Position>,
    message: String,
    suggestion: Option<&'static str>,
}

struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    fn add(&mut self, positions: &[Position], message: impl Into<String>) {
        self.list.push(Problem { positions: positions.to_vec(), message: message.into(), suggestion: None });
    }

    fn rule(&mut self, rule: &RuleDraft, options: ReadOptions) -> Option<Expr> {
        let both = [rule.record.position, rule.alert.position];
        match (rule.record.text.is_empty(), rule.alert.text.is_empty()) {
            (false, false) => self.add(&both, "only one of 'record' and 'alert' must be set"),
            (true, true) => self.add(&both, "one of 'record' or 'alert' must be set"),
            _ => {}
        }
        let expr = self.expression(rule, options);
        if !rule.record.text.is_empty() {
            self.recording(rule, options);
        }
        for (name, _) in rule.labels.iter().filter(|(name, _)| !is_label(name, options.names)) {
            self.add(&[], format!("invalid label name: {name}"));
        }
        for (name, _) in &rule.annotations {
            let is_valid = match options.names {
                NameScheme::Utf8 => !name.is_empty(),
                NameScheme::Legacy => is_plain_label_name(name),
            };
            if !is_valid {
                self.add(&[], format!("invalid annotation name: {name}"));
            }
        }
        if !rule.alert.text.is_empty() {
            self.templates("label", &rule.labels, &rule.alert.text);
            self.templates("annotation", &rule.annotations, &rule.alert.text);
        }
        expr
    }

    fn expression(&mut self, rule: &RuleDraft, options: ReadOptions) -> Option<Expr> {
        if rule.query.text.is_empty() {
            self.add(&[rule.query.position], "field 'expr' must be set in rule");
            return None;
        }
        match promql::parse_with(&rule.query.text, options.promql) {
            Ok(expr) => Some(expr),
            Err(error) => {
                self.add(&[rule.query.position], format!("could not parse expression: {error}"));
                if let Some(problem) = self.list.last_mut() {
                    problem.suggestion = error.first().suggestion;
                }
                None
            }
        }
    }

    fn recording(&mut self, rule: &RuleDraft, options: ReadOptions) {
        let (metric, place) = (&rule.record.text, [rule.record.position]);
        let fields = [
            ("annotations", !rule.annotations.is_empty()),
            ("for", rule.for_ms != 0),
            ("keep_firing_for", rule.keep_firing_for_ms != 0),
        ];
        for (field, _) in fields.into_iter().filter(|(_, is_set)| *is_set) {
            self.add(&place, format!("invalid field '{field}' in recording rule"));
        }
        if options.names == NameScheme::Legacy && !is_plain_metric_name(metric) {
            self.add(&place, format!("invalid recording rule name: {metric}"));
        }
        // Any text is a valid name, but braces are a selector in the wrong field.
        if metric.contains(['{', '}']) {
            self.add(
                &place,
                format!("braces present in the recording rule name; should it be in expr?: {metric}"),
            );
        }
    }

    fn templates(&mut self, what: &str, texts: &[(String, String)], alert: &str) {
        for (name, text) in texts {
            if let Err(error) = Template::of_alert(alert, text) {
                self.add(&[], format!("{what} {}: {error}", model::quote::quoted(name)));
            }
        }
    }
}
