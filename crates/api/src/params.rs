//! Parameters of a request: the URL's query and a form body are one list, as all the families of APIs have it.

use std::str::FromStr;

use crate::refusal::Refusal;

/// In the order in which they came, the form before the URL, so that the form wins where one value is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn new(query: Option<&str>, form: &[u8]) -> Self {
        let mut pairs: Vec<_> = form_urlencoded::parse(form).into_owned().collect();
        pairs.extend(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned());
        Self(pairs)
    }

    /// The first value, if it is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Every value, empty ones too.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// Every pair.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A value of a type, or `None` if it is absent.
    pub fn parse<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, Refusal> {
        let bad = |value: &str| Refusal::bad(format!("invalid parameter {name:?}: {value:?} is not {what}"));
        self.get(name).map(|value| value.parse().map_err(|_| bad(value))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_and_url_are_one_list_and_the_form_wins() {
        let params = Params::new(Some("query=up&match[]=a&match%5B%5D=b&limit="), b"query=down%20now&x=1");
        assert_eq!(params.get("query"), Some("down now"));
        assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(params.get("limit"), None);
        assert_eq!(params.parse::<u32>("x", "a number"), Ok(Some(1)));
        let refused = params.parse::<u32>("query", "a number").unwrap_err();
        assert_eq!(refused.message, r#"invalid parameter "query": "down now" is not a number"#);
    }
}
