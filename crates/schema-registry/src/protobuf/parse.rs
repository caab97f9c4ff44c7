//! A file as a registry hands it out: its text, or its descriptor in base64, which Python's serializer registers and some registries keep.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label as WrittenLabel, Type as WrittenType};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};
use rowtide_api::{Error, Result};

use super::schema::{Enumeration, Field, File, Label, Message, Scalar, Type};
use super::word;

/// Reads a file.
pub(crate) fn parse(text: &str) -> Result<File> {
    if let Some(read) = descriptor(text) {
        return file(None, read);
    }
    // Confluent's converter does not look at the characters of a package, nor do we
    let (package, text) = package_of(text);
    let read = protox_parse::parse("schema.proto", &text)
        .map_err(|error| Error::data("the registry's Protobuf schema cannot be read").caused_by(error))?;
    file(package, read)
}

/// A `google.protobuf.FileDescriptorProto` in base64. No text of a file is base64: that has no spaces.
fn descriptor(text: &str) -> Option<FileDescriptorProto> {
    let bytes = STANDARD.decode(text.trim()).ok().filter(|bytes| !bytes.is_empty())?;
    FileDescriptorProto::decode(bytes.as_slice()).ok()
}

fn file(package: Option<Arc<str>>, read: FileDescriptorProto) -> Result<File> {
    let proto2 = read.syntax.as_deref() != Some("proto3");
    Ok(File {
        proto2,
        package: package.or(read.package.map(Arc::from)),
        imports: read.dependency.into_iter().map(Arc::from).collect(),
        options: Vec::new(),
        messages: read.message_type.into_iter().map(|message| self::message(message, proto2)).collect::<Result<_>>()?,
        enums: read.enum_type.into_iter().map(enumeration).collect(),
    })
}

/// The name of a package that Protobuf does not allow, and the text without it.
fn package_of(text: &str) -> (Option<Arc<str>>, std::borrow::Cow<'_, str>) {
    let line = text.lines().find_map(|line| {
        let name = line.trim().strip_prefix("package ")?.strip_suffix(';')?.trim();
        let odd = name.bytes().any(|letter| !letter.is_ascii_alphanumeric() && letter != b'_' && letter != b'.')
            || name.split('.').any(|part| part.bytes().next().is_none_or(|first| first.is_ascii_digit()));
        odd.then_some((line, name))
    });
    match line {
        Some((line, name)) => (Some(name.into()), text.replacen(line, "", 1).into()),
        None => (None, text.into()),
    }
}

fn message(read: DescriptorProto, proto2: bool) -> Result<Arc<Message>> {
    let mut oneofs: Vec<Arc<str>> = read.oneof_decl.iter().map(|oneof| oneof.name().into()).collect();
    let fields: Vec<Field> = read.field.iter().map(|written| field(written, proto2)).collect::<Result<_>>()?;
    // those that stand for `optional` come last, and are none here
    while !oneofs.is_empty() && !fields.iter().any(|field| field.oneof == Some(oneofs.len() - 1)) {
        oneofs.pop();
    }
    let messages = read.nested_type.into_iter().map(|inner| message(inner, proto2)).collect::<Result<_>>()?;
    let enums = read.enum_type.into_iter().map(enumeration).collect();
    Ok(Arc::new(Message { name: read.name.unwrap_or_default().into(), fields, oneofs, messages, enums }))
}

fn enumeration(read: EnumDescriptorProto) -> Arc<Enumeration> {
    let values = read.value.iter().map(|value| (value.name().into(), value.number())).collect();
    Arc::new(Enumeration { name: read.name().into(), values })
}

fn field(read: &FieldDescriptorProto, proto2: bool) -> Result<Field> {
    let number = u32::try_from(read.number()).map_err(|_| Error::data("a field's number is negative"))?;
    let in_oneof = read.oneof_index.is_some() && !read.proto3_optional();
    let label = match read.label() {
        WrittenLabel::Repeated => Label::Repeated,
        _ if in_oneof => Label::None,
        _ if read.proto3_optional() || proto2 => Label::Optional,
        _ => Label::None,
    };
    let kind = match &read.type_name {
        Some(name) => Type::Named(name.as_str().into()),
        None => Type::Scalar(scalar(read.r#type())?),
    };
    let oneof = read.oneof_index.filter(|_| in_oneof).and_then(|index| usize::try_from(index).ok());
    Ok(Field {
        name: read.name().into(),
        number,
        label,
        kind,
        oneof,
        params: params(read),
        json_name: read.json_name.as_deref().map(Arc::from),
    })
}

fn scalar(written: WrittenType) -> Result<Scalar> {
    Ok(match written {
        WrittenType::Double => Scalar::Double,
        WrittenType::Float => Scalar::Float,
        WrittenType::Int32 => Scalar::Int32,
        WrittenType::Int64 => Scalar::Int64,
        WrittenType::Uint32 => Scalar::Uint32,
        WrittenType::Uint64 => Scalar::Uint64,
        WrittenType::Sint32 => Scalar::Sint32,
        WrittenType::Sint64 => Scalar::Sint64,
        WrittenType::Fixed32 => Scalar::Fixed32,
        WrittenType::Fixed64 => Scalar::Fixed64,
        WrittenType::Sfixed32 => Scalar::Sfixed32,
        WrittenType::Sfixed64 => Scalar::Sfixed64,
        WrittenType::Bool => Scalar::Bool,
        WrittenType::String => Scalar::String,
        WrittenType::Bytes => Scalar::Bytes,
        WrittenType::Group | WrittenType::Message | WrittenType::Enum => {
            return Err(Error::data("the registry's Protobuf schema has a group, which is not supported"));
        }
    })
}

/// The parameters of `(confluent.field_meta)`: each a key and a value in braces.
fn params(read: &FieldDescriptorProto) -> Vec<(Arc<str>, Arc<str>)> {
    let options = read.options.iter().flat_map(|options| &options.uninterpreted_option);
    let meta = options.filter(|option| option.name.iter().any(|part| part.name_part.trim_start_matches('.') == word::FIELD_META));
    let mut found = Vec::new();
    for text in meta.filter_map(|option| option.aggregate_value.as_deref()) {
        let (mut key, mut value) = (None, None);
        let words = words(text);
        for (index, part) in words.iter().enumerate() {
            match part.as_str() {
                "{" => (key, value) = (None, None),
                "key" => key = words.get(index + 2),
                "value" => value = words.get(index + 2),
                "}" => {
                    if let (Some(key), Some(value)) = (key, value) {
                        found.push((unquoted(key).into(), unquoted(value).into()));
                    }
                    (key, value) = (None, None);
                }
                _ => {}
            }
        }
    }
    found
}

/// Words, signs, and texts with their quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        let mut word = String::from(first);
        if first.is_whitespace() {
            continue;
        }
        if first == '"' || first == '\'' {
            while let Some(next) = rest.next() {
                word.push(next);
                if next == '\\' {
                    word.extend(rest.next());
                } else if next == first {
                    break;
                }
            }
        } else if first.is_alphanumeric() || first == '_' {
            while let Some(next) = rest.next_if(|next| next.is_alphanumeric() || *next == '_' || *next == '.') {
                word.push(next);
            }
        }
        words.push(word);
    }
    words
}

fn unquoted(word: &str) -> String {
    let inner = word.trim_matches(['"', '\'']);
    let mut out = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.extend(letters.next()),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = concat!(
            "syntax = \"proto3\";\npackage a.b;\n\nimport \"confluent/type/decimal.proto\";\n\nmessage M {\n",
            "  int32 small = 1 [(confluent.field_meta) = {\n    params: [\n      {\n        key: \"connect.type\",\n",
            "        value: \"int16\"\n      }\n    ]\n  }];\n  optional string text = 2;\n",
            "  repeated ConnectDefault2Entry map = 3;\n  confluent.type.Decimal d = 4;\n\n  oneof u {\n    bool x = 5;\n    E y = 6;\n  }\n\n",
            "  message ConnectDefault2Entry {\n    string key = 1;\n    string value = 2;\n  }\n  enum E {\n    A = 0;\n    B = -1;\n  }\n}\n",
        );
        assert_eq!(parse(text).unwrap().text(), text);
    }

    #[test]
    fn a_package_may_have_any_characters() {
        let text = "syntax = \"proto3\";\npackage my-server.public.1t;\n\nmessage Key {\n  int32 id = 1;\n}\n";
        let read = parse(text).unwrap();
        assert_eq!(read.package.as_deref(), Some("my-server.public.1t"));
        assert_eq!(read.text(), text);
    }

    #[test]
    fn both_forms_of_parameters_are_read() {
        for meta in [r#"params: [{ value: "2", key: "scale" }]"#, r#"params: { key: "scale" value: "2" }"#] {
            let text = format!("syntax = \"proto3\"; message M {{ int32 a = 1 [(confluent.field_meta) = {{ {meta} }}]; }}");
            assert_eq!(parse(&text).unwrap().messages[0].fields[0].params, [("scale".into(), "2".into())], "{meta}");
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        let deep = format!("syntax = \"proto3\"; {}{}", "message M {".repeat(5000), "}".repeat(5000));
        for text in ["{", "message", "syntax = \"proto3\"; message M { int32 a = -1; }", &deep] {
            assert!(parse(text).is_err(), "{}", &text[..text.len().min(40)]);
        }
    }
}
