//! How Java writes numbers, for converters of other crates, and decimals read again.

use crate::number;

/// `Double.toString`.
pub fn double(number: f64) -> String {
    number::double(number).as_str().to_owned()
}

/// `Float.toString`.
pub fn float(number: f32) -> String {
    number::float(number).as_str().to_owned()
}

/// `BigDecimal.toString` of an unscaled value.
pub fn big_decimal(unscaled: &[u8], scale: i32) -> String {
    number::big_decimal(unscaled, scale)
}

/// `new BigDecimal(text).toString()`; none where the text is no number.
pub fn big_decimal_of(text: &str) -> Option<String> {
    let (unscaled, scale) = number::parse_decimal(text)?;
    Some(number::layout_decimal(&unscaled, scale))
}

/// The unscaled value, at this scale, of a decimal's text; none where it is no number, or has digits beyond the scale.
pub fn unscaled(text: &str, scale: i32) -> Option<Vec<u8>> {
    number::unscaled(text, scale)
}
