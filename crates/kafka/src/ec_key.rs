//! Private keys on elliptic curves as Java writes them: without the public key (optional in RFC 5915), which `ring` does not sign
//! without. The certificate has it.
//!
//! Pure. Not here: where keys and certificates come from (`tls`, `java_store`).

use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use x509_cert::Certificate;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// `publicKey` of an `ECPrivateKey`.
const PUBLIC_KEY: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(1) };

/// The same key (PKCS#8) with the public key of its certificate; none: it is of another kind, or has one already.
pub(crate) fn completed(pkcs8: &[u8], certificate: &[u8]) -> Option<Vec<u8>> {
    let info = PrivateKeyInfoRef::from_der(pkcs8).ok().filter(|info| info.algorithm.oid == EC)?;
    let key = AnyRef::from_der(info.private_key.as_bytes()).ok()?;
    let mut reader = SliceReader::new(key.value()).ok()?;
    while !reader.is_finished() {
        if AnyRef::decode(&mut reader).ok()?.tag() == PUBLIC_KEY {
            return None;
        }
    }
    let certificate = Certificate::from_der(certificate).ok()?;
    let public = certificate.tbs_certificate().subject_public_key_info().subject_public_key.to_der().ok()?;
    let public = AnyRef::new(PUBLIC_KEY, &public).and_then(|public| public.to_der()).ok()?;
    let whole = [key.value(), &public].concat();
    let whole = AnyRef::new(Tag::Sequence, &whole).and_then(|whole| whole.to_der()).ok()?;
    PrivateKeyInfoRef::new(info.algorithm, OctetStringRef::new(&whole).ok()?).to_der().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(key in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..60) {
            prop_assert_eq!(completed(&key, &key), None);
            let mut damaged = PLAIN.to_vec();
            damaged.truncate(cut);
            prop_assert_eq!(completed(&damaged, &key), None);
        }
    }

    /// PrivateKeyInfo { 0, { ecPublicKey, prime256v1 }, ECPrivateKey { 1, 32 octets } }
    const PLAIN: [u8; 67] = {
        let mut key = [7; 67];
        let head = [
            0x30, 65, 0x02, 1, 0, 0x30, 19, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d,
            3, 1, 7, 0x04, 39, 0x30, 37, 0x02, 1, 1, 0x04, 32,
        ];
        let mut at = 0;
        while at < head.len() {
            key[at] = head[at];
            at += 1;
        }
        key
    };

    #[test]
    fn a_key_alone_is_understood_and_needs_its_certificate() {
        let info = PrivateKeyInfoRef::from_der(&PLAIN).unwrap();
        assert_eq!(info.algorithm.oid, EC);
        assert_eq!(completed(&PLAIN, b"no certificate"), None);
    }
}
