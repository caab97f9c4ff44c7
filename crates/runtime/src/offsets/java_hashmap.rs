//! A `java.util.HashMap<byte[], byte[]>` as `ObjectOutputStream` writes it: the bytes of Connect's standalone offsets
//! file. Pure; knows nothing of files and of what the bytes mean.
//!
//! Java Object Serialization Specification, chapter 6 (stream protocol, 6.4.2 terminal symbols); the fields of
//! `HashMap` are those of its serialized form in the Java API documentation: `loadFactor`, `threshold`, then block data
//! with the number of buckets and of mappings, then each key and value.

use std::fmt;

/// Keys and values in the order of the stream; a value may be null.
pub type Entries = Vec<(Vec<u8>, Option<Vec<u8>>)>;

// 6.4.2
const STREAM_MAGIC: [u8; 4] = [0xac, 0xed, 0x00, 0x05];
const TC_NULL: u8 = 0x70;
const TC_REFERENCE: u8 = 0x71;
const TC_CLASSDESC: u8 = 0x72;
const TC_OBJECT: u8 = 0x73;
const TC_ARRAY: u8 = 0x75;
const TC_BLOCKDATA: u8 = 0x77;
const TC_ENDBLOCKDATA: u8 = 0x78;
const BASE_WIRE_HANDLE: u32 = 0x7e_0000;
const SC_WRITE_METHOD: u8 = 0x01;
const SC_SERIALIZABLE: u8 = 0x02;

const HASH_MAP: &str = "java.util.HashMap";
const HASH_MAP_UID: u64 = 0x0507_dac1_c316_60d1;
const BYTE_ARRAY: &str = "[B";
const BYTE_ARRAY_UID: u64 = 0xacf3_17f8_0608_54e0;

/// Handles in the order in which they are assigned (6.2): the map's class, the map, then the arrays' class.
const ARRAY_CLASS_HANDLE: u32 = BASE_WIRE_HANDLE + 2;

/// What is wrong with a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// the byte at which it shows
    pub offset: usize,
    /// what was expected there
    pub expected: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.offset)
    }
}

impl std::error::Error for Malformed {}

/// Writes what `new ObjectOutputStream(file).writeObject(map)` writes, but for the order of the mappings, which in
/// Java follows the arrays' identity and means nothing.
pub fn write(entries: &[(Vec<u8>, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut out =
        Vec::with_capacity(128 + entries.iter().map(|(k, v)| k.len() + v.as_ref().map_or(0, Vec::len) + 20).sum::<usize>());
    out.extend_from_slice(&STREAM_MAGIC);
    out.push(TC_OBJECT);
    class_desc(&mut out, HASH_MAP, HASH_MAP_UID, SC_SERIALIZABLE | SC_WRITE_METHOD);
    out.extend_from_slice(&2u16.to_be_bytes());
    for (kind, name) in [(b'F', "loadFactor"), (b'I', "threshold")] {
        out.push(kind);
        utf(&mut out, name);
    }
    out.extend_from_slice(&[TC_ENDBLOCKDATA, TC_NULL]);
    // The table that Java would have after putting that many entries into a new map.
    let mut buckets: u32 = 16;
    while entries.len() as u64 > u64::from(buckets) * 3 / 4 && buckets < 1 << 30 {
        buckets *= 2;
    }
    let threshold = if entries.is_empty() { 0 } else { buckets / 4 * 3 };
    out.extend_from_slice(&0.75f32.to_be_bytes());
    out.extend_from_slice(&threshold.to_be_bytes());
    out.extend_from_slice(&[TC_BLOCKDATA, 8]);
    out.extend_from_slice(&buckets.to_be_bytes());
    out.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    let mut class_written = false;
    for (key, value) in entries {
        array(&mut out, key, &mut class_written);
        match value {
            Some(value) => array(&mut out, value, &mut class_written),
            None => out.push(TC_NULL),
        }
    }
    out.push(TC_ENDBLOCKDATA);
    out
}

fn class_desc(out: &mut Vec<u8>, name: &str, uid: u64, flags: u8) {
    out.push(TC_CLASSDESC);
    utf(out, name);
    out.extend_from_slice(&uid.to_be_bytes());
    out.push(flags);
}

fn utf(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn array(out: &mut Vec<u8>, bytes: &[u8], class_written: &mut bool) {
    out.push(TC_ARRAY);
    if std::mem::replace(class_written, true) {
        out.push(TC_REFERENCE);
        out.extend_from_slice(&ARRAY_CLASS_HANDLE.to_be_bytes());
    } else {
        class_desc(out, BYTE_ARRAY, BYTE_ARRAY_UID, SC_SERIALIZABLE);
        out.extend_from_slice(&[0, 0, TC_ENDBLOCKDATA, TC_NULL]);
    }
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Reads such a stream.
pub fn read(bytes: &[u8]) -> Result<Entries, Malformed> {
    let mut reader = Reader { bytes, at: 0, class_handle: None, arrays: Vec::new(), next_handle: BASE_WIRE_HANDLE };
    reader.tag(&STREAM_MAGIC, "the header of a Java object stream (AC ED 00 05)")?;
    reader.tag(&[TC_OBJECT], "an object")?;
    reader.map_class()?;
    reader.next_handle += 2; // class and object
    reader.skip(8)?; // loadFactor, threshold: of no meaning to the content
    reader.tag(&[TC_BLOCKDATA, 8], "block data of 8 bytes")?;
    reader.skip(4)?; // buckets
    let size = reader.u32()?;
    let mut entries = Entries::new();
    for _ in 0..size {
        let at = reader.at;
        let key = reader.array()?.ok_or_else(|| malformed(at, "a key that is not null"))?;
        entries.push((key, reader.array()?));
    }
    reader.tag(&[TC_ENDBLOCKDATA], "the end of the map")?;
    Ok(entries)
}

fn malformed(offset: usize, expected: &str) -> Malformed {
    Malformed { offset, expected: expected.to_owned() }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    class_handle: Option<u32>,
    /// arrays by handle: one that occurs again is written as a reference
    arrays: Vec<(u32, (usize, usize))>,
    next_handle: u32,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| malformed(self.bytes.len(), &format!("{count} more bytes from byte {}", self.at)))?;
        let found = &self.bytes[self.at..end];
        self.at = end;
        Ok(found)
    }

    fn tag(&mut self, expected: &[u8], what: &str) -> Result<(), Malformed> {
        let at = self.at;
        if self.skip(expected.len())? == expected { Ok(()) } else { Err(malformed(at, what)) }
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.skip(1)?[0])
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(self.skip(4)?.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    fn map_class(&mut self) -> Result<(), Malformed> {
        let mut expected = Vec::new();
        class_desc(&mut expected, HASH_MAP, HASH_MAP_UID, SC_SERIALIZABLE | SC_WRITE_METHOD);
        expected.extend_from_slice(&[0, 2, b'F']);
        utf(&mut expected, "loadFactor");
        expected.push(b'I');
        utf(&mut expected, "threshold");
        expected.extend_from_slice(&[TC_ENDBLOCKDATA, TC_NULL]);
        self.tag(&expected, "the class java.util.HashMap")
    }

    fn array(&mut self) -> Result<Option<Vec<u8>>, Malformed> {
        let at = self.at;
        match self.u8()? {
            TC_NULL => Ok(None),
            TC_REFERENCE => {
                let handle = self.u32()?;
                let found = self.arrays.binary_search_by_key(&handle, |(handle, _)| *handle);
                let index = found.map_err(|_| malformed(at, "a reference to an array of this stream"))?;
                let (start, end) = self.arrays[index].1;
                Ok(Some(self.bytes[start..end].to_vec()))
            }
            TC_ARRAY => {
                self.array_class()?;
                let length = self.u32()? as usize;
                let start = self.at;
                let bytes = self.skip(length)?;
                self.arrays.push((self.next_handle, (start, self.at)));
                self.next_handle += 1;
                Ok(Some(bytes.to_vec()))
            }
            _ => Err(malformed(at, "a byte array")),
        }
    }

    fn array_class(&mut self) -> Result<(), Malformed> {
        let at = self.at;
        if let Some(handle) = self.class_handle {
            self.tag(&[TC_REFERENCE], "a reference to the class byte[]")?;
            return if self.u32()? == handle { Ok(()) } else { Err(malformed(at, "a reference to the class byte[]")) };
        }
        let mut expected = Vec::new();
        class_desc(&mut expected, BYTE_ARRAY, BYTE_ARRAY_UID, SC_SERIALIZABLE);
        expected.extend_from_slice(&[0, 0, TC_ENDBLOCKDATA, TC_NULL]);
        self.tag(&expected, "the class byte[]")?;
        self.class_handle = Some(self.next_handle);
        self.next_handle += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLASS: &str = "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163746f724900097468726573686f6c6478703f400000";
    const ARRAY: &str = "7572 00025b42acf317f8060854e00200007870";

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter_map(|c| (c as char).to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// Printed by OpenJDK 17: `new ObjectOutputStream(out).writeObject(map)`.
    #[test]
    fn the_bytes_are_javas() {
        assert_eq!(write(&[]), hex(&format!("{CLASS}000000007708000000100000000078")));
        let one = vec![(br#"["c",{"server":"p"}]"#.to_vec(), Some(br#"{"lsn":1}"#.to_vec()))];
        let golden = hex(&format!(
            "{CLASS}0000000c77080000001000000001{ARRAY}000000145b2263222c7b22736572766572223a2270227d5d7571007e0002000000097b226c736e223a317d78"
        ));
        assert_eq!(write(&one), golden);
        assert_eq!(read(&golden).unwrap(), one);
        let null = vec![(b"k".to_vec(), None)];
        let golden = hex(&format!("{CLASS}0000000c77080000001000000001{ARRAY}000000016b7078"));
        assert_eq!(write(&null), golden);
        assert_eq!(read(&golden).unwrap(), null);
    }

    /// Thirteen entries make Java double the table; one array under key and value is written once.
    #[test]
    fn table_growth_and_references_are_javas() {
        let many: Entries = (0..13u8).map(|n| (vec![n], Some(vec![1]))).collect();
        assert!(write(&many).starts_with(&hex(&format!("{CLASS}00000018770800000020 0000000d{ARRAY}"))));
        assert_eq!(read(&write(&many)).unwrap(), many);
        let shared = hex(&format!("{CLASS}0000000c77080000001000000001{ARRAY}000000017871007e000378"));
        assert_eq!(read(&shared).unwrap(), vec![(b"x".to_vec(), Some(b"x".to_vec()))]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let text = read(b"not java").unwrap_err().to_string();
        assert_eq!(text, "expected the header of a Java object stream (AC ED 00 05) at byte 0");
        let mut cut = write(&[(b"key".to_vec(), None)]);
        cut.truncate(cut.len() - 2);
        assert!(read(&cut).is_err());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(entries in prop::collection::vec((any::<Vec<u8>>(), any::<Option<Vec<u8>>>()), 0..40)) {
            prop_assert_eq!(read(&write(&entries)).unwrap(), entries);
        }

        #[test]
        fn no_bytes_make_it_panic(change in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = write(&[(b"key".to_vec(), Some(b"value".to_vec())), (b"x".to_vec(), None)]);
            let index = change.index(bytes.len());
            bytes[index] = to;
            let _ = read(&bytes);
            let _ = read(&bytes[..cut.index(bytes.len())]);
        }
    }
}
