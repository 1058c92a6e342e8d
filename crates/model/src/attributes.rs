//! Attributes, and the two things that carry them for a whole group of items: resource and scope. The shapes are OTLP's.

/// An attribute's value or a log record's body.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum AnyValue {
    #[default]
    Empty,
    String(String),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(Vec<u8>),
    Array(Vec<AnyValue>),
    Map(Vec<KeyValue>),
    /// Profiles only: a place in the dictionary's string table.
    StringIndex(i32),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyValue {
    pub key: String,
    pub value: AnyValue,
    /// Profiles only: the key's place in the dictionary's string table; 0 where `key` is the key.
    pub key_strindex: i32,
}

impl KeyValue {
    pub fn new(key: impl Into<String>, value: impl Into<AnyValue>) -> Self {
        Self { key: key.into(), value: value.into(), key_strindex: 0 }
    }
}

impl AnyValue {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for AnyValue {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for AnyValue {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for AnyValue {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for AnyValue {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<bool> for AnyValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// The value of the first attribute called `key`.
pub fn find<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a AnyValue> {
    attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
}

/// Which of a resource's attributes identify an entity and which describe it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntityRef {
    pub schema_url: String,
    pub kind: String,
    pub id_keys: Vec<String>,
    pub description_keys: Vec<String>,
}

/// Who produced the items of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    pub attributes: Vec<KeyValue>,
    pub dropped_attributes_count: u32,
    pub entity_refs: Vec<EntityRef>,
}

impl Resource {
    pub fn with(attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        Self { attributes: attributes.into_iter().collect(), ..Self::default() }
    }

    /// `service.name`, or the empty string.
    pub fn service_name(&self) -> &str {
        find(&self.attributes, "service.name").and_then(AnyValue::as_str).unwrap_or_default()
    }
}

/// The library that produced the items of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    pub name: String,
    pub version: String,
    pub attributes: Vec<KeyValue>,
    pub dropped_attributes_count: u32,
}

/// Items of one scope.
#[derive(Clone, Debug, PartialEq)]
pub struct ScopeGroup<T> {
    pub scope: Scope,
    pub schema_url: String,
    pub items: Vec<T>,
}

/// Items of one resource, as all four signals group them.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceGroup<T> {
    pub resource: Resource,
    pub schema_url: String,
    pub scopes: Vec<ScopeGroup<T>>,
}

impl<T> ResourceGroup<T> {
    /// Items of one resource and one unnamed scope.
    pub fn of(resource: Resource, items: Vec<T>) -> Self {
        let scope = ScopeGroup { scope: Scope::default(), schema_url: String::new(), items };
        Self { resource, schema_url: String::new(), scopes: vec![scope] }
    }

    pub fn items(&self) -> impl Iterator<Item = &T> {
        self.scopes.iter().flat_map(|scope| &scope.items)
    }
}
