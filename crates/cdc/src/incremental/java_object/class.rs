//! The classes whose objects are read and written, by their names, identities and fields (Java API, "Serialized Form").

/// `SC_SERIALIZABLE`
pub const SERIALIZABLE: u8 = 0x02;
/// `SC_WRITE_METHOD`, beside it
pub const WRITES_MORE: u8 = 0x01;

// 6.4.2
pub const STREAM_MAGIC: [u8; 4] = [0xac, 0xed, 0x00, 0x05];
pub const TC_NULL: u8 = 0x70;
pub const TC_REFERENCE: u8 = 0x71;
pub const TC_CLASSDESC: u8 = 0x72;
pub const TC_OBJECT: u8 = 0x73;
pub const TC_STRING: u8 = 0x74;
pub const TC_ARRAY: u8 = 0x75;
pub const TC_BLOCKDATA: u8 = 0x77;
pub const TC_ENDBLOCKDATA: u8 = 0x78;
pub const TC_LONGSTRING: u8 = 0x7c;
pub const BASE_WIRE_HANDLE: u32 = 0x7e_0000;

/// A class as it is written.
pub struct Class {
    pub name: &'static str,
    pub uid: u64,
    pub flags: u8,
    /// type codes and names; objects and arrays with the name of their type
    pub fields: &'static [(u8, &'static str, &'static str)],
    pub parent: Option<&'static Class>,
}

const fn class(name: &'static str, uid: u64, fields: &'static [(u8, &'static str, &'static str)]) -> Class {
    Class { name, uid, flags: SERIALIZABLE, fields, parent: None }
}

pub static OBJECTS: Class = class("[Ljava.lang.Object;", 0x90ce_589f_1073_296c, &[]);
pub static BYTES: Class = class("[B", 0xacf3_17f8_0608_54e0, &[]);
pub static NUMBER: Class = class("java.lang.Number", 0x86ac_951d_0b94_e08b, &[]);
pub static BOOLEAN: Class = class("java.lang.Boolean", 0xcd20_7280_d59c_faee, &[(b'Z', "value", "")]);
pub static SHORT: Class =
    Class { parent: Some(&NUMBER), ..class("java.lang.Short", 0x684d_3713_3460_da52, &[(b'S', "value", "")]) };
pub static INTEGER: Class =
    Class { parent: Some(&NUMBER), ..class("java.lang.Integer", 0x12e2_a0a4_f781_8738, &[(b'I', "value", "")]) };
pub static LONG: Class =
    Class { parent: Some(&NUMBER), ..class("java.lang.Long", 0x3b8b_e490_cc8f_23df, &[(b'J', "value", "")]) };
pub static FLOAT: Class =
    Class { parent: Some(&NUMBER), ..class("java.lang.Float", 0xdaed_c9a2_db3c_f0ec, &[(b'F', "value", "")]) };
pub static DOUBLE: Class =
    Class { parent: Some(&NUMBER), ..class("java.lang.Double", 0x80b3_c24a_296b_fb04, &[(b'D', "value", "")]) };
pub static UUID: Class = class("java.util.UUID", 0xbc99_03f7_986d_852f, &[(b'J', "leastSigBits", ""), (b'J', "mostSigBits", "")]);
pub static DECIMAL: Class = Class {
    flags: SERIALIZABLE | WRITES_MORE,
    parent: Some(&NUMBER),
    ..class("java.math.BigDecimal", 0x54c7_1557_f981_284f, &[(b'I', "scale", ""), (b'L', "intVal", "Ljava/math/BigInteger;")])
};
pub static BIG_INTEGER: Class = Class {
    flags: SERIALIZABLE | WRITES_MORE,
    parent: Some(&NUMBER),
    ..class(
        "java.math.BigInteger",
        0x8cfc_9f1f_a93b_fb1d,
        &[
            (b'I', "bitCount", ""),
            (b'I', "bitLength", ""),
            (b'I', "firstNonzeroByteNum", ""),
            (b'I', "lowestSetBit", ""),
            (b'I', "signum", ""),
            (b'[', "magnitude", "[B"),
        ],
    )
};
pub static UTIL_DATE: Class = Class { flags: SERIALIZABLE | WRITES_MORE, ..class("java.util.Date", 0x686a_8101_4b59_7419, &[]) };
pub static DATE: Class = Class { parent: Some(&UTIL_DATE), ..class("java.sql.Date", 0x14fa_4668_3f35_6697, &[]) };
pub static OBJECT: Class = class(
    "org.postgresql.util.PGobject",
    0x4bf8_95ca_ac6f_6444,
    &[(b'L', "type", "Ljava/lang/String;"), (b'L', "value", "Ljava/lang/String;")],
);
