//! The text of a file, as Confluent's `ProtobufSchema.canonicalString` writes it: registries compare texts.

use super::schema::{Enumeration, Field, File, Label, Message, Type};
use super::word;

impl File {
    /// The text that is registered.
    pub(crate) fn text(&self) -> String {
        let mut out = String::from("syntax = \"proto3\";\n");
        if let Some(package) = &self.package {
            out.push_str(&format!("package {package};\n"));
        }
        if !self.imports.is_empty() {
            out.push('\n');
        }
        for import in &self.imports {
            out.push_str(&format!("import \"{import}\";\n"));
        }
        if !self.options.is_empty() {
            out.push('\n');
        }
        for (name, value) in &self.options {
            out.push_str(&format!("option {name} = {value};\n"));
        }
        if !self.messages.is_empty() || !self.enums.is_empty() {
            out.push('\n');
        }
        for message in &self.messages {
            out.push_str(&message_text(message));
        }
        for found in &self.enums {
            out.push_str(&enum_text(found));
        }
        out
    }
}

fn message_text(message: &Message) -> String {
    let mut out = format!("message {} {{", message.name);
    let mut free = message.fields.iter().filter(|field| field.oneof.is_none()).peekable();
    if free.peek().is_some() {
        out.push('\n');
    }
    for field in free {
        indented(&field_text(field), &mut out);
    }
    let members = |oneof: usize| message.fields.iter().filter(move |field| field.oneof == Some(oneof));
    let mut oneofs = (0..message.oneofs.len()).filter(|oneof| members(*oneof).next().is_some()).peekable();
    if oneofs.peek().is_some() {
        out.push('\n');
    }
    for oneof in oneofs {
        let mut text = format!("oneof {} {{\n", message.oneofs[oneof]);
        members(oneof).for_each(|field| indented(&field_text(field), &mut text));
        text.push_str("}\n");
        indented(&text, &mut out);
    }
    if !message.messages.is_empty() || !message.enums.is_empty() {
        out.push('\n');
    }
    for inner in &message.messages {
        indented(&message_text(inner), &mut out);
    }
    for inner in &message.enums {
        indented(&enum_text(inner), &mut out);
    }
    out.push_str("}\n");
    out
}

fn enum_text(found: &Enumeration) -> String {
    let mut out = format!("enum {} {{", found.name);
    if !found.values.is_empty() {
        out.push('\n');
    }
    for (name, number) in &found.values {
        indented(&format!("{name} = {number};\n"), &mut out);
    }
    out.push_str("}\n");
    out
}

fn field_text(field: &Field) -> String {
    let label = match field.label {
        Label::None => "",
        Label::Optional => "optional ",
        Label::Repeated => "repeated ",
    };
    let kind = match &field.kind {
        Type::Scalar(scalar) => scalar.name(),
        Type::Named(name) => name,
    };
    let mut out = format!("{label}{kind} {} = {}", field.name, field.number);
    if !field.params.is_empty() {
        out.push_str(&format!(" [({}) = {{\n", word::FIELD_META));
        let mut params = String::from("params: [\n");
        for (index, (name, value)) in field.params.iter().enumerate() {
            let (name, value) = (format!("key: \"{}\"", escaped(name)), format!("value: \"{}\"", escaped(value)));
            // Confluent wrote the value first once, and kept to that where it did
            let of_decimal = matches!(&*field.params[index].0, word::PRECISION | word::SCALE);
            let (first, second) = if of_decimal { (value, name) } else { (name, value) };
            let end = if index + 1 < field.params.len() { "," } else { "" };
            indented(&format!("{{\n  {first},\n  {second}\n}}{end}"), &mut params);
        }
        params.push(']');
        indented(&params, &mut out);
        out.push_str("}]");
    }
    if let Some(name) = &field.json_name {
        out.push_str(&format!(" [json_name = \"{}\"]", escaped(name)));
    }
    out.push_str(";\n");
    out
}

/// Every line two spaces further in; empty ones, too.
fn indented(text: &str, out: &mut String) {
    for line in text.lines() {
        out.push_str("  ");
        out.push_str(line);
        out.push('\n');
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let code = match letter {
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\\' | '\'' | '"' => letter,
            _ => {
                out.push(letter);
                continue;
            }
        };
        out.push('\\');
        out.push(code);
    }
    out
}
