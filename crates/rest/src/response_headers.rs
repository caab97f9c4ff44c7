//! `response.http.headers.config`: headers that every answer has, by the rules of Jetty's `HeaderFilter`:
//! `action name: value`, by comma, in double quotes where a rule has a comma itself.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use rowtide_api::{Error, Props, Result};

/// The property.
pub const OPTION: &str = "response.http.headers.config";

/// What is put into an answer.
#[derive(Debug, PartialEq)]
pub struct Rule {
    name: HeaderName,
    value: Value,
    /// beside what rules before this one have put under the name; else in its place
    beside: bool,
}

#[derive(Debug, PartialEq)]
enum Value {
    Text(HeaderValue),
    /// milliseconds from now
    Date(i64),
}

/// Reads the property. What it refuses is what `RestServerConfig` refuses, in its words.
pub fn read(worker: &Props) -> Result<Vec<Rule>> {
    let text = worker.get(OPTION).unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let rules: std::result::Result<Vec<Rule>, String> = items(text).iter().map(|item| rule(item)).collect();
    rules.map_err(|why| {
        Error::configuration(format!("'{OPTION}': {why}"))
            .remedy("write it like: set X-Frame-Options: DENY, \"add Cache-Control: no-cache, no-store\"")
    })
}

/// Jetty's `StringUtil.csvSplit`: an item in quotes has commas, and signs after a backslash.
fn items(text: &str) -> Vec<String> {
    let (mut items, mut signs) = (Vec::new(), text.chars().peekable());
    loop {
        while signs.next_if(|sign| sign.is_whitespace()).is_some() {}
        let mut item = String::new();
        if signs.next_if_eq(&'"').is_some() {
            while let Some(sign) = signs.next().filter(|sign| *sign != '"') {
                item.extend(if sign == '\\' { signs.next() } else { Some(sign) });
            }
        }
        let quoted = item.len();
        while let Some(sign) = signs.next_if(|sign| *sign != ',') {
            item.push(sign);
        }
        item.truncate(item.trim_end().len().max(quoted));
        items.push(item);
        if signs.next().is_none() {
            return items;
        }
    }
}

fn rule(item: &str) -> std::result::Result<Rule, String> {
    const ACTIONS: [&str; 4] = ["set", "add", "setDate", "addDate"];
    let (action, header) = item
        .trim()
        .split_once(char::is_whitespace)
        .ok_or_else(|| format!("Invalid format of header config '{item}'. Expected: '[action] [header name]:[header value]'"))?;
    if !ACTIONS.iter().any(|known| known.eq_ignore_ascii_case(action)) {
        return Err(format!("Invalid header config action: '{action}'. Expected one of [{}]", ACTIONS.join(", ")));
    }
    let parts: Vec<&str> = header.trim().trim_end_matches(':').split(':').collect();
    let [name, value] = parts.as_slice() else {
        return Err(format!(
            "Invalid format of header name and header value pair '{header}'. Expected: '[header name]:[header value]'"
        ));
    };
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(format!("Invalid header name '{name}'. The '[header name]' cannot contain whitespace"));
    }
    // in any case when it is checked, and in one when it is used: so is Java
    let value = match action.ends_with("Date") {
        true => Value::Date(value.parse().map_err(|_| format!("the date of '{name}' is no number of milliseconds from now"))?),
        false => {
            Value::Text(HeaderValue::from_str(value).map_err(|_| format!("the value of '{name}' cannot stand in a header"))?)
        }
    };
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("'{name}' cannot be a header's name"))?;
    Ok(Rule { name, value, beside: action.starts_with("add") })
}

/// Puts into an answer what the rules say, but for what it has of its own.
pub fn add(rules: &[Rule], answer: &mut HeaderMap) {
    let mut ours = HeaderMap::new();
    for rule in rules {
        let value = match &rule.value {
            Value::Text(text) => text.clone(),
            Value::Date(offset) => match date(*offset) {
                Some(date) => date,
                None => continue,
            },
        };
        if rule.beside {
            ours.append(rule.name.clone(), value);
        } else {
            ours.insert(rule.name.clone(), value);
        }
    }
    for name in ours.keys().filter(|name| !answer.contains_key(*name)).cloned().collect::<Vec<_>>() {
        for value in ours.get_all(&name) {
            answer.append(name.clone(), value.clone());
        }
    }
}

/// `Thu, 01 Jan 1970 00:00:00 GMT`; none: no calendar has it.
fn date(offset: i64) -> Option<HeaderValue> {
    let at = Timestamp::from_millisecond(Timestamp::now().as_millisecond().checked_add(offset)?).ok()?;
    HeaderValue::from_str(&DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<Vec<Rule>> {
        read(&[(OPTION, text)].into_iter().collect())
    }

    #[test]
    fn rules_are_put_into_answers_that_have_none_of_that_name() {
        let text = r#"set X-Frame-Options: DENY, "add Cache-Control: no-cache, no-store" ,add cache-control: private, setDate Expires: 0, set Server: x"#;
        let mut answer = HeaderMap::new();
        answer.insert("server", HeaderValue::from_static("own"));
        add(&rules(text).unwrap(), &mut answer);
        let all = |name: &str| answer.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(all("x-frame-options"), ["DENY"]);
        assert_eq!(all("cache-control"), ["no-cache, no-store", "private"]);
        assert_eq!(all("server"), ["own"]);
        assert!(all("expires")[0].ends_with(" GMT"), "{:?}", all("expires"));
    }

    #[test]
    fn what_connect_refuses_is_refused_in_its_words() {
        assert!(rules("").unwrap().is_empty());
        for (text, words) in [
            ("set", "Invalid format of header config 'set'"),
            ("put X: y", "Invalid header config action: 'put'. Expected one of [set, add, setDate, addDate]"),
            ("set X", "Invalid format of header name and header value pair 'X'"),
            ("set X: http://y", "Invalid format of header name and header value pair"),
            ("set X Y: z", "Invalid header name 'X Y'"),
            ("setDate X: soon", "milliseconds"),
        ] {
            let error = rules(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
