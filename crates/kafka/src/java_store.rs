//! Java's key and trust stores, JKS and PKCS12, as certificates and keys in DER.
//!
//! Pure: bytes in. The type is told by the content, as Java does since version 8 (`keystore.type.compat`). Not here: files,
//! PEM, TLS.

use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

const JKS_MAGIC: u32 = 0xfeed_feed;
const DIGEST: usize = 20;

/// What a store holds.
#[derive(Default)]
pub(crate) struct StoreContent {
    /// Certificates that are entries of their own, in DER.
    pub trusted: Vec<Vec<u8>>,
    /// The first private key (PKCS#8) and its certificate chain, leaf first.
    pub identity: Option<(Vec<u8>, Vec<Vec<u8>>)>,
}

/// Reads a store. `key_password` opens its private key, `password` the rest; Java does not need one to trust a JKS store.
pub(crate) fn read(data: &[u8], password: Option<&str>, key_password: Option<&str>) -> Result<StoreContent, String> {
    if data.first_chunk() == Some(&JKS_MAGIC.to_be_bytes()) {
        return jks(data, password, key_password.or(password));
    }
    let password = password.ok_or("it is a PKCS12 store, which cannot be read without its password")?;
    pkcs12(data, password)
}

fn pkcs12(data: &[u8], password: &str) -> Result<StoreContent, String> {
    let store = KeyStore::from_pkcs12(data, password, Pkcs12ImportPolicy::Relaxed)
        .map_err(|e| format!("it is no JKS or PKCS12 store that this password opens ({e})"))?;
    let mut content = StoreContent::default();
    for (_, entry) in store.entries() {
        match entry {
            KeyStoreEntry::Certificate(cert) => content.trusted.push(cert.as_der().to_vec()),
            KeyStoreEntry::PrivateKeyChain(chain) if content.identity.is_none() => {
                let certs = chain.certs().iter().map(|c| c.as_der().to_vec()).collect();
                content.identity = Some((chain.key().as_der().to_vec(), certs));
            }
            _ => {}
        }
    }
    Ok(content)
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (head, tail) = self.0.split_at_checked(n).ok_or("the store is cut off")?;
        self.0 = tail;
        Ok(head)
    }

    fn number(&mut self, bytes: usize) -> Result<usize, String> {
        Ok(self.take(bytes)?.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
    }

    fn sized(&mut self, bytes: usize) -> Result<&'a [u8], String> {
        let n = self.number(bytes)?;
        self.take(n)
    }

    /// One DER element's content, whose tag must be this one.
    fn der(&mut self, tag: u8) -> Result<&'a [u8], String> {
        if self.take(1)? != [tag] {
            return Err("a private key is not encoded as expected".into());
        }
        let n = match self.number(1)? {
            short @ ..=0x7f => short,
            long @ 0x81..=0x84 => self.number(long & 0x7f)?,
            _ => return Err("a private key has an unusable length".into()),
        };
        self.take(n)
    }
}

fn utf16(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    parts.iter().for_each(|p| context.update(p));
    context.finish().as_ref().to_vec()
}

/// The layout that `sun.security.provider.JavaKeyStore` writes.
fn jks(data: &[u8], password: Option<&str>, key_password: Option<&str>) -> Result<StoreContent, String> {
    let (body, signature) = data.split_at_checked(data.len().saturating_sub(DIGEST)).ok_or("the store is cut off")?;
    if let Some(password) = password
        && sha1(&[&utf16(password), b"Mighty Aphrodite", body]) != signature
    {
        return Err("the password is wrong, or the store was tampered with".into());
    }
    let mut cursor = Cursor(body);
    cursor.take(4)?;
    let version = cursor.number(4)?;
    let count = cursor.number(4)?;
    let mut content = StoreContent::default();
    for _ in 0..count {
        let tag = cursor.number(4)?;
        cursor.sized(2)?;
        cursor.take(8)?;
        match tag {
            1 => {
                let protected = cursor.sized(4)?;
                let chain = (0..cursor.number(4)?).map(|_| certificate(&mut cursor, version)).collect::<Result<_, _>>()?;
                if content.identity.is_none() {
                    let password = key_password.ok_or("it has a private key, and no password to open it")?;
                    content.identity = Some((unprotect(protected, password)?, chain));
                }
            }
            2 => content.trusted.push(certificate(&mut cursor, version)?),
            other => return Err(format!("it has an entry of the unknown kind {other}")),
        }
    }
    Ok(content)
}

fn certificate(cursor: &mut Cursor<'_>, version: usize) -> Result<Vec<u8>, String> {
    if version >= 2 {
        cursor.sized(2)?;
    }
    Ok(cursor.sized(4)?.to_vec())
}

/// Sun's own protection of keys (`sun.security.provider.KeyProtector`): a key stream of chained SHA-1 digests.
fn unprotect(protected: &[u8], password: &str) -> Result<Vec<u8>, String> {
    let mut info = Cursor(Cursor(protected).der(0x30)?);
    info.der(0x30)?;
    let sealed = info.der(0x04)?;
    let middle = sealed.len().checked_sub(2 * DIGEST).ok_or("a private key is cut off")?;
    let (salt, rest) = sealed.split_at(DIGEST);
    let (encrypted, check) = rest.split_at(middle);
    let password = utf16(password);
    let mut stream = salt.to_vec();
    let mut key = Vec::with_capacity(middle);
    for block in encrypted.chunks(DIGEST) {
        stream = sha1(&[&password, &stream]);
        key.extend(block.iter().zip(&stream).map(|(a, b)| a ^ b));
    }
    if sha1(&[&password, &key]) != check {
        return Err("ssl.key.password (or the store's password) does not open its private key".into());
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut data in proptest::collection::vec(any::<u8>(), 0..200), mark in any::<bool>()) {
            if mark && data.len() > 12 {
                data[..4].copy_from_slice(&JKS_MAGIC.to_be_bytes());
                data[4..12].copy_from_slice(&[0, 0, 0, 2, 0, 0, 0, 1]);
            }
            let _ = read(&data, None, Some("x"));
            let _ = read(&data, Some("secret"), None);
            let _ = unprotect(&data, "x");
        }
    }
}
