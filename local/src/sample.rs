//! `sample dataphin`: prints the callback that Dataphin would get, for a comparison with what its own SDK makes, and opens one that
//! was captured. Nothing is sent and nothing is stored.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use countersign::clock::World;
use countersign::providers::outbound::AddressPolicy;
use countersign::resources::FieldErrors;
use countersign::resources::connection::{Given, check_fields};
use countersign::sources::dataphin::{By, Callback, Captured, Dataphin, Decision, open};
use countersign::sources::{Format, Receiver};
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use crate::Error;

/// What can be printed.
#[derive(Debug, Subcommand)]
pub enum Sample {
    /// The callback into Dataphin: what is sealed, the envelope, the address, and a command that sends it.
    Dataphin(Arguments),
}

/// Of which callback, with which settings.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The Encoding AES Key of Dataphin's settings page.
    #[arg(long, value_parser = secret)]
    pub aes_key: SecretString,
    /// The access token of Dataphin's settings page.
    #[arg(long, value_parser = secret)]
    pub access_token: Option<SecretString>,
    /// The source's `token`, for `token_from=setting`.
    #[arg(long, value_parser = secret)]
    pub token: Option<SecretString>,
    /// The callback URL.
    #[arg(long, default_value = "https://dataphin.example/api/oa/bpms/integration/thirdparty/callback")]
    pub url: Url,
    /// A setting of the source, as `result_field=state`. May be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    pub setting: Vec<String>,
    /// What was decided: approved, rejected, withdrawn, expired, failed, revoked, `node_approved`, `node_rejected`.
    #[arg(long, default_value = "approved")]
    pub outcome: String,
    /// Opens a captured callback instead: a file with the body, or with the whole request as it was sent.
    #[arg(long, value_name = "FILE")]
    pub open: Option<PathBuf>,
    /// The query of the captured callback, where the file does not hold it.
    #[arg(long)]
    pub query: Option<String>,
}

fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}

/// Prints it. Failure when the settings do not fit, or what was captured does not open.
#[must_use]
pub fn main(sample: &Sample) -> ExitCode {
    let Sample::Dataphin(arguments) = sample;
    let printed = match &arguments.open {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| Error::new(format!("{}: {error}", file.display())))
            .and_then(|text| opened(arguments, &text)),
        None => sealed(arguments, &World::system()),
    };
    match printed {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("countersign: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The source that the arguments describe.
fn receiver(arguments: &Arguments) -> Result<Receiver, Error> {
    let mut settings = Map::new();
    for setting in &arguments.setting {
        let (name, value) =
            setting.split_once('=').ok_or_else(|| Error::new(format!("--setting {setting}: must be NAME=VALUE")))?;
        settings.insert(name.to_owned(), value.into());
    }
    let given = [
        ("encoding_aes_key", Some(&arguments.aes_key)),
        ("access_token", arguments.access_token.as_ref()),
        ("token", arguments.token.as_ref()),
    ];
    let secrets: BTreeMap<String, SecretString> =
        given.into_iter().filter_map(|(name, secret)| Some((name.to_owned(), secret?.clone()))).collect();
    let mut errors = FieldErrors::new();
    // A sample may do without what a source must have.
    let given = Given { settings: &settings, secrets: &secrets, kept: &["access_token"] };
    check_fields(Dataphin.fields(), &given, &AddressPolicy::AllowAll, &mut errors);
    errors.into_result().map_err(|errors| {
        let told = errors.into_list().into_iter().map(|error| format!("{}: {}", error.pointer, error.detail));
        Error::new(told.collect::<Vec<_>>().join("\n"))
    })?;
    let url = Some(arguments.url.clone());
    Ok(Receiver { url, authorities: None, settings, secrets, signing: Vec::new() })
}

/// An invented decision, sealed by these settings.
///
/// # Errors
/// The setting that is missing or does not fit.
pub fn sealed(arguments: &Arguments, world: &World) -> Result<String, Error> {
    let receiver = receiver(arguments)?;
    let outcome = serde_json::from_value(arguments.outcome.as_str().into())
        .map_err(|_| Error::new(format!("--outcome {}: is not known", arguments.outcome)))?;
    let by = By {
        user_source_id: Some("1234567890".to_owned()),
        user_id: Some("1000000001".to_owned()),
        name: Some("test_userName".to_owned()),
        account: Some("manager4220".to_owned()),
    };
    let decision = Decision {
        apply_id: "001".to_owned(),
        tenant_id: Some("100000001".to_owned()),
        instance_id: "apr_01k5n1m6z1a2b3c4d5e6f7g8h9".to_owned(),
        outcome,
        by: Some(by),
        comment: Some("同意".to_owned()),
        at: world.now(),
    };
    let Callback { url, plain, body } =
        Callback::write(&receiver, &decision, world).map_err(|error| Error::new(error.to_string()))?;
    let mut text = String::new();
    for (title, part) in [
        ("What is sealed", plain.as_str()),
        ("Body", &body),
        ("Address", url.as_str()),
        ("Query, decoded", &query_lines(&url)),
        ("Header", "content-type: application/json"),
    ] {
        _ = writeln!(text, "# {title}\n{part}\n");
    }
    let (url, body) = (quoted(url.as_str()), quoted(&body));
    _ = write!(text, "# As a command\ncurl -sS -X POST {url} -H 'content-type: application/json' --data {body}");
    Ok(text)
}

fn query_lines(url: &Url) -> String {
    url.query_pairs().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join("\n")
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A captured callback, opened by these settings. Where they do not open it, the settings of the codec that would are named.
///
/// # Errors
/// What does not fit.
pub fn opened(arguments: &Arguments, text: &str) -> Result<String, Error> {
    let receiver = receiver(arguments)?;
    let (own_query, body) = parts(text);
    let query = arguments.query.as_deref().unwrap_or(&own_query).trim_start_matches('?');
    let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    match open(&receiver, &query, body) {
        Ok(captured) if is_json(&captured) => Ok(shown(&captured)),
        Ok(captured) => {
            let others = others(&receiver, &query, body);
            Ok(format!("{}\n\nWhat was sealed is not JSON. {others}", shown(&captured)))
        }
        Err(error) => Err(Error::new(format!("it does not open: {error}. {}", others(&receiver, &query, body)))),
    }
}

/// Query and body of what was captured: a whole request, an address and a body, or the body alone.
fn parts(text: &str) -> (String, &str) {
    let text = text.trim();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let query = |target: &str| target.split_once('?').map_or_else(String::new, |(_, query)| query.to_owned());
    if let Some(target) = first.strip_prefix("POST ") {
        let target = target.split_whitespace().next().unwrap_or_default();
        let body = rest.split_once("\r\n\r\n").or_else(|| rest.split_once("\n\n")).map_or("", |(_, body)| body);
        return (query(target), body.trim());
    }
    if first.starts_with("http://") || first.starts_with("https://") {
        return (query(first.trim()), rest.trim());
    }
    (String::new(), text)
}

fn is_json(captured: &Captured) -> bool {
    serde_json::from_slice::<Value>(&captured.opened.message).is_ok()
}

fn shown(captured: &Captured) -> String {
    let message = String::from_utf8_lossy(&captured.opened.message);
    let owner = match (&captured.opened.owner, captured.for_us) {
        (None, _) => "the frame has no place for one".to_owned(),
        (Some(_), true) => "as the settings say".to_owned(),
        (Some(owner), false) => format!("{:?}, which is not what the settings say", String::from_utf8_lossy(owner)),
    };
    let signature = match captured.signed {
        None => "the settings ask for none",
        Some(true) => "holds",
        Some(false) => "does not hold: another token, or other names of timestamp, nonce and signature?",
    };
    format!("# What is sealed\n{message}\n\n# Owner\n{owner}\n\n# Signature\n{signature}")
}

/// The settings of the codec under which it would open into JSON.
fn others(receiver: &Receiver, query: &[(String, String)], body: &str) -> String {
    let mut fitting = Vec::new();
    for encoding in ["dingtalk43", "base64", "utf8"] {
        for mode in ["cbc", "ecb"] {
            for iv in ["key_prefix", "zero", "random_prefixed"] {
                for frame in ["dingtalk", "bare"] {
                    // Without a chain there is no vector.
                    if mode == "ecb" && iv != "key_prefix" {
                        continue;
                    }
                    let tried = [("key_encoding", encoding), ("mode", mode), ("iv", iv), ("frame", frame)];
                    let mut other = receiver.clone();
                    other.settings.extend(tried.map(|(name, value)| (name.to_owned(), value.into())));
                    if open(&other, query, body).is_ok_and(|captured| is_json(&captured)) {
                        let words = tried.map(|(name, value)| format!("--setting {name}={value}"));
                        fitting.push(words.join(" "));
                    }
                }
            }
        }
    }
    match fitting.as_slice() {
        [] => "No other key_encoding, mode, iv or frame opens it into JSON: is it this key?".to_owned(),
        fitting => format!("It opens into JSON with: {}", fitting.join("; or ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEY: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";

    fn arguments(settings: &[&str]) -> Arguments {
        Arguments {
            aes_key: KEY.into(),
            access_token: Some("6d1b2c1c".into()),
            token: None,
            url: "https://dataphin.example/callback".parse().unwrap(),
            setting: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            outcome: "approved".to_owned(),
            open: None,
            query: None,
        }
    }

    fn part<'a>(text: &'a str, title: &str) -> &'a str {
        let (_, rest) = text.split_once(&format!("# {title}\n")).unwrap();
        rest.split("\n\n").next().unwrap()
    }

    #[test]
    fn what_is_printed_opens_again() {
        let text = sealed(&arguments(&["result_field=state"]), &World::system()).unwrap();
        let plain: Value = serde_json::from_str(part(&text, "What is sealed")).unwrap();
        assert_eq!((&plain["state"], &plain["applyId"]), (&Value::from("agree"), &Value::from("001")));
        assert!(!text.contains(KEY) && !text.contains("6d1b2c1c"), "no secret is printed: {text}");
        let (address, body) = (part(&text, "Address"), part(&text, "Body"));
        assert!(text.contains(&format!("curl -sS -X POST '{address}'")) && text.contains(&format!("--data '{body}'")));
        let path = address.strip_prefix("https://dataphin.example").unwrap();
        for captured in [
            format!("{address}\n{body}"),
            format!("POST {path} HTTP/1.1\r\nhost: dataphin.example\r\n\r\n{body}\n"),
            format!("POST {path} HTTP/1.1\nhost: dataphin.example\n\n{body}"),
        ] {
            let shown = opened(&arguments(&[]), &captured).unwrap();
            assert_eq!(part(&shown, "What is sealed"), part(&text, "What is sealed"));
            assert_eq!((part(&shown, "Signature"), part(&shown, "Owner")), ("holds", "as the settings say"));
        }
        let mut with_query = arguments(&[]);
        with_query.query = address.split_once('?').map(|(_, query)| query.to_owned());
        assert_eq!(part(&opened(&with_query, body).unwrap(), "Signature"), "holds");
        assert!(part(&opened(&arguments(&[]), body).unwrap(), "Signature").starts_with("does not hold"));
    }

    #[test]
    fn what_does_not_open_names_the_settings_that_would() {
        let text = sealed(&arguments(&["mode=ecb", "frame=bare", "sign=none"]), &World::system()).unwrap();
        let error = opened(&arguments(&[]), part(&text, "Body")).unwrap_err().to_string();
        assert!(error.contains("--setting mode=ecb --setting iv=key_prefix --setting frame=bare"), "{error}");
        let mut other = arguments(&[]);
        other.aes_key = "B".repeat(43).into();
        let error = opened(&other, part(&text, "Body")).unwrap_err().to_string();
        assert!(error.contains("is it this key?"), "{error}");
        assert!(opened(&arguments(&[]), "{}").unwrap_err().to_string().contains("envelope_field"));
    }

    #[test]
    fn settings_are_checked() {
        let error = |arguments: &Arguments| sealed(arguments, &World::system()).unwrap_err().to_string();
        assert!(error(&arguments(&["mode=gcm"])).starts_with("/settings/mode: must be one of cbc, ecb"));
        assert!(error(&arguments(&["nonsense=1"])).contains("/settings/nonsense: unknown"));
        assert!(error(&arguments(&["mode"])).contains("NAME=VALUE"));
        let mut without = arguments(&[]);
        without.access_token = None;
        assert!(error(&without).contains("access_token"), "there is nothing to sign with");
        without.setting = vec!["sign=none".to_owned()];
        assert!(sealed(&without, &World::system()).is_ok());
        without.aes_key = "short".into();
        assert!(error(&without).contains("key_encoding"));
        let mut unknown = arguments(&[]);
        unknown.outcome = "maybe".to_owned();
        assert!(error(&unknown).contains("maybe"));
    }
}
