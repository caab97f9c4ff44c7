//! `json.indent.output`: JSON as Jackson's `DefaultPrettyPrinter` lays it out.

/// Appends compact JSON with line breaks in objects and spaces in arrays.
pub(crate) fn write(compact: &[u8], out: &mut Vec<u8>) {
    let (mut depth, mut open) = (0, Vec::new());
    let mut at = 0;
    while let Some(byte) = compact.get(at) {
        let is_empty = matches!(compact.get(at + 1), Some(b'}' | b']'));
        match byte {
            b'"' => {
                let end = at + string_length(&compact[at..]);
                out.extend_from_slice(&compact[at..end]);
                at = end;
                continue;
            }
            b'{' | b'[' if is_empty => {
                out.extend_from_slice(&[*byte, b' ', compact[at + 1]]);
                at += 2;
                continue;
            }
            b'{' => {
                depth += 1;
                open.push(true);
                out.push(b'{');
                line(depth, out);
            }
            b'[' => {
                open.push(false);
                out.extend_from_slice(b"[ ");
            }
            b'}' => {
                depth -= 1;
                open.pop();
                line(depth, out);
                out.push(b'}');
            }
            b']' => {
                open.pop();
                out.extend_from_slice(b" ]");
            }
            b':' => out.extend_from_slice(b" : "),
            b',' if open.last() == Some(&true) => {
                out.push(b',');
                line(depth, out);
            }
            b',' => out.extend_from_slice(b", "),
            _ => out.push(*byte),
        }
        at += 1;
    }
}

fn line(depth: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}

/// The length of the quoted string that this begins with.
fn string_length(json: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    json.len()
}
