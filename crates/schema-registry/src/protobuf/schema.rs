//! A Protobuf file as data: what a registry holds, as far as converters look at it.

use std::collections::HashMap;
use std::sync::Arc;

/// A file of definitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct File {
    /// whether it is of the older syntax, which is only ever read
    pub proto2: bool,
    pub package: Option<Arc<str>>,
    pub imports: Vec<Arc<str>>,
    /// options as they are written: name and value
    pub options: Vec<(&'static str, &'static str)>,
    pub messages: Vec<Arc<Message>>,
    pub enums: Vec<Arc<Enumeration>>,
}

/// A message type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message {
    pub name: Arc<str>,
    pub fields: Vec<Field>,
    /// the names of its oneofs
    pub oneofs: Vec<Arc<str>>,
    pub messages: Vec<Arc<Message>>,
    pub enums: Vec<Arc<Enumeration>>,
}

/// An enum type: names and numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Enumeration {
    pub name: Arc<str>,
    pub values: Vec<(Arc<str>, i32)>,
}

/// A field of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub name: Arc<str>,
    pub number: u32,
    pub label: Label,
    pub kind: Type,
    /// the oneof that it belongs to: its place among the message's
    pub oneof: Option<usize>,
    /// the parameters of `(confluent.field_meta)`, in their order
    pub params: Vec<(Arc<str>, Arc<str>)>,
    /// `json_name`, where it is written
    pub json_name: Option<Arc<str>>,
}

/// What stands before a field's type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Label {
    None,
    Optional,
    Repeated,
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Scalar(Scalar),
    /// a message or an enum, by its name as it is written
    Named(Arc<str>),
}

/// A type without a name of its own. <https://protobuf.dev/programming-guides/proto3/#scalar>
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
}

impl Scalar {
    const ALL: [(Scalar, &'static str); 15] = [
        (Scalar::Double, "double"),
        (Scalar::Float, "float"),
        (Scalar::Int32, "int32"),
        (Scalar::Int64, "int64"),
        (Scalar::Uint32, "uint32"),
        (Scalar::Uint64, "uint64"),
        (Scalar::Sint32, "sint32"),
        (Scalar::Sint64, "sint64"),
        (Scalar::Fixed32, "fixed32"),
        (Scalar::Fixed64, "fixed64"),
        (Scalar::Sfixed32, "sfixed32"),
        (Scalar::Sfixed64, "sfixed64"),
        (Scalar::Bool, "bool"),
        (Scalar::String, "string"),
        (Scalar::Bytes, "bytes"),
    ];

    /// Its name in a file.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(scalar, _)| *scalar == self).map_or("", |(_, name)| name)
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, have)| *have == name).map(|(scalar, _)| *scalar)
    }

    /// Whether several of them are written one after the other under one length.
    pub(crate) fn is_packed(self) -> bool {
        !matches!(self, Scalar::String | Scalar::Bytes)
    }
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Definition {
    Message(Arc<Message>),
    Enum(Arc<Enumeration>),
}

/// The types that a file defines or refers to, by their full names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Types(HashMap<String, Definition>);

impl Types {
    /// The types of these files.
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = &'a File>) -> Self {
        let mut types = Self::default();
        for file in files {
            let scope = file.package.as_deref().unwrap_or_default();
            types.add(scope, &file.messages, &file.enums);
        }
        types
    }

    fn add(&mut self, scope: &str, messages: &[Arc<Message>], enums: &[Arc<Enumeration>]) {
        for message in messages {
            let full = within(scope, &message.name);
            self.add(&full, &message.messages, &message.enums);
            self.0.insert(full, Definition::Message(message.clone()));
        }
        for found in enums {
            self.0.insert(within(scope, &found.name), Definition::Enum(found.clone()));
        }
    }

    /// What a name means inside of a message (or a package): the full name, and its definition where the files hold it. The
    /// innermost scope that knows the name's first part decides.
    pub(crate) fn resolve(&self, scope: &str, name: &str) -> (String, Option<Definition>) {
        if let Some(full) = name.strip_prefix('.') {
            return (full.to_owned(), self.0.get(full).cloned());
        }
        let mut scope = Some(scope);
        while let Some(inside) = scope.filter(|scope| !scope.is_empty()) {
            let full = within(inside, name);
            if let Some(found) = self.0.get(&full) {
                return (full, Some(found.clone()));
            }
            scope = inside.rsplit_once('.').map(|(outer, _)| outer);
        }
        (name.to_owned(), self.0.get(name).cloned())
    }
}

/// A name inside of a scope, which may be none.
pub(crate) fn within(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}
