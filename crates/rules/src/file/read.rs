//! The shape of a file: YAML to drafts, whose fields are of the right type but not yet checked.

use promql::parse_duration_ms;
use yaml::{Map, Node, Position, YamlError};

use super::check::check;
use super::{ReadOptions, RuleFile, RulesError};

/// Reads and checks a file.
pub fn read(text: &str, options: ReadOptions) -> Result<RuleFile, Vec<RulesError>> {
    let root = yaml::parse(text).map_err(|error| vec![RulesError::Syntax(error)])?;
    let mut reader = Reader { options, errors: Vec::new() };
    let groups = reader.groups(&root);
    if !reader.errors.is_empty() {
        return Err(vec![RulesError::Shape(reader.errors)]);
    }
    check(groups, options)
}

pub(super) struct GroupDraft {
    pub name: String,
    pub interval_ms: Option<i64>,
    pub query_offset_ms: Option<i64>,
    pub limit: u64,
    pub labels: Vec<(String, String)>,
    pub rules: Vec<RuleDraft>,
    pub position: Position,
}

pub(super) struct RuleDraft {
    pub record: Field,
    pub alert: Field,
    pub query: Field,
    pub for_ms: i64,
    pub keep_firing_for_ms: i64,
    pub labels: Vec<(String, String)>,
    pub annotations: Vec<(String, String)>,
    pub position: Position,
}

/// A string and its place; that of the rule when it is absent.
pub(super) struct Field {
    pub text: String,
    pub position: Position,
}

struct Reader {
    options: ReadOptions,
    errors: Vec<YamlError>,
}

impl Reader {
    /// The value, or its default when reading it failed, which is then noted.
    fn noted<T: Default>(&mut self, result: Result<T, YamlError>) -> T {
        result.unwrap_or_else(|error| {
            self.errors.push(error);
            T::default()
        })
    }

    fn fields<'n>(&mut self, node: &'n Node, type_name: &'n str, known: &[&str]) -> Option<Map<'n>> {
        match node.map(type_name) {
            Ok(map) => {
                if !self.options.ignore_unknown_fields {
                    self.errors.extend(map.unknown(known));
                }
                Some(map)
            }
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    fn groups(&mut self, root: &Node) -> Vec<GroupDraft> {
        let Some(map) = self.fields(root, "rulefmt.RuleGroups", &["groups"]) else { return Vec::new() };
        let groups = self.noted(map.list("groups").map(<[Node]>::to_vec));
        groups.iter().filter_map(|node| self.group(node)).collect()
    }

    fn group(&mut self, node: &Node) -> Option<GroupDraft> {
        const FIELDS: [&str; 6] = ["name", "interval", "query_offset", "limit", "labels", "rules"];
        let map = self.fields(node, "rulefmt.RuleGroup", &FIELDS)?;
        let rules = self.noted(map.list("rules").map(<[Node]>::to_vec));
        Some(GroupDraft {
            name: self.noted(map.str("name")).unwrap_or_default().to_owned(),
            interval_ms: self.noted(map.parsed("interval", parse_duration_ms)),
            query_offset_ms: self.noted(map.parsed("query_offset", parse_duration_ms)),
            limit: self.noted(map.i64("limit")).and_then(|limit| u64::try_from(limit).ok()).unwrap_or(0),
            labels: self.pairs(&map, "labels"),
            rules: rules.iter().filter_map(|node| self.rule(node)).collect(),
            position: node.position,
        })
    }

    fn rule(&mut self, node: &Node) -> Option<RuleDraft> {
        const FIELDS: [&str; 7] =
            ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];
        let map = self.fields(node, "rulefmt.Rule", &FIELDS)?;
        Some(RuleDraft {
            record: self.field(&map, "record"),
            alert: self.field(&map, "alert"),
            query: self.field(&map, "expr"),
            for_ms: self.noted(map.parsed("for", parse_duration_ms)).unwrap_or(0),
            keep_firing_for_ms: self.noted(map.parsed("keep_firing_for", parse_duration_ms)).unwrap_or(0),
            labels: self.pairs(&map, "labels"),
            annotations: self.pairs(&map, "annotations"),
            position: node.position,
        })
    }

    fn field(&mut self, map: &Map<'_>, key: &str) -> Field {
        let node = map.get(key);
        let text = self.noted(node.map_or(Ok(""), Node::str)).to_owned();
        Field { text, position: node.map_or(map.position, |node| node.position) }
    }

    fn pairs(&mut self, map: &Map<'_>, key: &str) -> Vec<(String, String)> {
        let Some(node) = map.get(key) else { return Vec::new() };
        let Some(pairs) = self.noted(node.map("map[string]string").map(Some)) else { return Vec::new() };
        pairs
            .entries
            .iter()
            .map(|entry| (entry.key.to_string(), self.noted(entry.value.str()).to_owned()))
            .collect()
    }
}
