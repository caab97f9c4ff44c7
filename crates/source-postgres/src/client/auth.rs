//! Authentication: trust, cleartext, md5, SCRAM-SHA-256 and SCRAM-SHA-256-PLUS.
//!
//! Specification: PostgreSQL manual, "SASL Authentication" and "Message Flow, Start-up"; RFC 5802, RFC 5929.

use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;

use super::error::{ClientError, ServerError};
use super::options::ConnectOptions;
use super::tls;
use super::wire::Wire;

/// Answers the server's requests until it says AuthenticationOk.
pub(super) async fn authenticate(wire: &mut Wire, options: &ConnectOptions) -> Result<(), ClientError> {
    loop {
        match wire.message().await? {
            Message::AuthenticationOk => return Ok(()),
            Message::AuthenticationCleartextPassword => {
                let password = password(options)?.as_bytes();
                frontend::password_message(password, wire.output()).map_err(ClientError::protocol)?;
                wire.flush().await?;
            }
            Message::AuthenticationMd5Password(body) => {
                let hash = md5_hash(options.user.as_bytes(), password(options)?.as_bytes(), body.salt());
                frontend::password_message(hash.as_bytes(), wire.output()).map_err(ClientError::protocol)?;
                wire.flush().await?;
            }
            Message::AuthenticationSasl(body) => scram(wire, options, &body).await?,
            Message::ErrorResponse(body) => return Err(ClientError::Server(Box::new(ServerError::read(body.fields())?))),
            Message::NoticeResponse(_) => {}
            other => return Err(unsupported(&other)),
        }
    }
}

async fn scram(wire: &mut Wire, options: &ConnectOptions, offer: &AuthenticationSaslBody) -> Result<(), ClientError> {
    let mechanisms: Vec<&str> = offer.mechanisms().collect().map_err(ClientError::protocol)?;
    let binding = wire.stream.server_certificate().and_then(tls::server_end_point);
    let plus = mechanisms.contains(&SCRAM_SHA_256_PLUS);
    let (mechanism, binding) = match binding {
        Some(hash) if plus => (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash)),
        // tells the server that we could have: it then notices an attacker who struck PLUS from the list
        Some(_) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
        None => (SCRAM_SHA_256, ChannelBinding::unsupported()),
    };
    if !mechanisms.contains(&mechanism) {
        return Err(ClientError::Auth(format!(
            "the server offers {mechanisms:?}, this client SCRAM-SHA-256: choose scram-sha-256 in pg_hba.conf"
        )));
    }
    tracing::debug!("authenticating with {mechanism}");
    let mut scram = ScramSha256::new(password(options)?.as_bytes(), binding);
    frontend::sasl_initial_response(mechanism, scram.message(), wire.output()).map_err(ClientError::protocol)?;
    wire.flush().await?;
    loop {
        match wire.message().await? {
            Message::AuthenticationSaslContinue(body) => {
                scram.update(body.data()).map_err(|error| ClientError::Auth(format!("SCRAM: {error}")))?;
                frontend::sasl_response(scram.message(), wire.output()).map_err(ClientError::protocol)?;
                wire.flush().await?;
            }
            Message::AuthenticationSaslFinal(body) => {
                return scram.finish(body.data()).map_err(|error| {
                    ClientError::Auth(format!("the server does not prove that it knows the password (SCRAM: {error})"))
                });
            }
            Message::ErrorResponse(body) => return Err(ClientError::Server(Box::new(ServerError::read(body.fields())?))),
            Message::NoticeResponse(_) => {}
            _ => return Err(ClientError::protocol("an unexpected message during SCRAM")),
        }
    }
}

fn password(options: &ConnectOptions) -> Result<&str, ClientError> {
    options.password.as_deref().ok_or_else(|| {
        ClientError::Auth(format!("the server asks for a password for user '{}', but none is configured", options.user))
    })
}

fn unsupported(message: &Message) -> ClientError {
    let method = match message {
        Message::AuthenticationGss | Message::AuthenticationGssContinue(_) => "gss",
        Message::AuthenticationSspi => "sspi",
        Message::AuthenticationKerberosV5 => "Kerberos 5",
        Message::AuthenticationScmCredential => "SCM credentials",
        _ => return ClientError::protocol("an unexpected message during authentication: is this a PostgreSQL server?"),
    };
    ClientError::Auth(format!(
        "the server asks for {method}, which is not supported: choose scram-sha-256, md5, password, cert or trust for this user in pg_hba.conf"
    ))
}
