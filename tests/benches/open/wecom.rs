//! WeCom's callbacks: XML in the same envelope.

use std::hint::black_box;

use countersign::clock::World;
use countersign::crypto::envelope::Keys;
use countersign::providers::{Provider, RawCallback, wecom::WeCom};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::bare::{Bare, TEXT};
use super::{AES_KEY, TOKEN, account, filled, pair};

const CORPORATION: &str = "ww1a2b3c4d5e6f7081";
const TIMESTAMP: &str = "1790000000";
const NONCE: &str = "830146027";

/// The event of a decided node, with a remark that fills it up.
fn message() -> String {
    filled(|remark| {
        format!(
            "<xml><ToUserName><![CDATA[{CORPORATION}]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>\
             <CreateTime>1789999999</CreateTime><MsgType><![CDATA[event]]></MsgType>\
             <Event><![CDATA[sys_approval_change]]></Event><AgentID>1000012</AgentID><ApprovalInfo>\
             <SpNoStr><![CDATA[202609210007]]></SpNoStr><SpNo>202609210007</SpNo><SpName><![CDATA[审批申请]]></SpName>\
             <SpStatus>2</SpStatus><TemplateId><![CDATA[C4RbNKm731MCFVgk6XLq1Rs9W4aNXPJV2mmXT4qGy]]></TemplateId>\
             <ApplyTime>1789999001</ApplyTime><Applyer><UserId><![CDATA[ZhangSan]]></UserId><Party><![CDATA[2]]></Party></Applyer>\
             <ProcessList><NodeList><NodeType>1</NodeType><SpStatus>2</SpStatus><ApvRel>1</ApvRel><SubNodeList><UserInfo>\
             <UserId><![CDATA[LiSi]]></UserId></UserInfo><Speech><![CDATA[{remark}]]></Speech><SpYj>2</SpYj>\
             <Sptime>1789999998</Sptime></SubNodeList></NodeList></ProcessList><StatuChangeEvent>2</StatuChangeEvent>\
             </ApprovalInfo></xml>"
        )
    })
}

/// A callback as it comes in.
fn callback(signature: &str, encrypt: &str) -> RawCallback {
    let body = format!(
        "<xml><ToUserName><![CDATA[{CORPORATION}]]></ToUserName><AgentID><![CDATA[1000012]]></AgentID>\
         <Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"
    );
    RawCallback {
        method: "POST".into(),
        query: vec![pair("msg_signature", signature), pair("timestamp", TIMESTAMP), pair("nonce", NONCE)],
        headers: vec![pair("content-type", "text/xml"), pair("user-agent", "Mozilla/4.0")],
        body: body.into_bytes(),
    }
}

/// A document as a tree of texts: what a JSON value is to JSON.
#[derive(Default)]
struct Tree {
    name: String,
    text: String,
    children: Vec<Self>,
}

fn tree(text: &str) -> Tree {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Tree::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => open.push(Tree { name: tag.name().into_inner().to_owned(), ..Tree::default() }),
            Event::End(_) => {
                let closed = open.pop().unwrap();
                open.last_mut().unwrap().children.push(closed);
            }
            Event::Text(text) => open.last_mut().unwrap().text.push_str(&text),
            Event::CData(text) => open.last_mut().unwrap().text.push_str(&text),
            Event::Eof => return open.pop().unwrap(),
            _ => {}
        }
    }
}

/// Bytes of names and texts, so that none of them is left out.
fn weight(tree: &Tree) -> usize {
    tree.name.len() + tree.text.len() + tree.children.iter().map(weight).sum::<usize>()
}

fn events(text: &str) -> usize {
    let mut reader = Reader::from_str(text);
    let mut count = 0;
    while !matches!(reader.read_event().unwrap(), Event::Eof) {
        count += 1;
    }
    count
}

pub(crate) fn bench(group: &mut BenchmarkGroup<'_, WallTime>) {
    let keys = Keys::new(&TOKEN.into(), &AES_KEY.into()).unwrap();
    let encrypt = keys.encrypt([7; 16], message().as_bytes(), CORPORATION.as_bytes());
    let raw = callback(&keys.signature(TIMESTAMP, NONCE, &encrypt), &encrypt);
    let (account, world) = (account(&[("corp_id", CORPORATION)]), World::system());
    let notices = WeCom.open(&account, &raw, &world).unwrap().notices;
    assert_eq!((notices.len(), notices[0].events.len()), (1, 2));
    let mut bare = Bare::new(TIMESTAMP, NONCE, &encrypt);
    let text = std::str::from_utf8(&bare.hash_and_decrypt()[TEXT]).unwrap();
    assert_eq!((text, weight(&tree(text)) > 400), (&*message(), true));

    group.bench_function("wecom", |b| {
        b.iter(|| WeCom.open(black_box(&account), black_box(&raw), &world).unwrap());
    });
    group.bench_function("wecom, bare", |b| {
        b.iter(|| tree(std::str::from_utf8(&bare.hash_and_decrypt()[TEXT]).unwrap()));
    });
    group.bench_function("wecom, bare, no tree", |b| {
        b.iter(|| events(std::str::from_utf8(&bare.hash_and_decrypt()[TEXT]).unwrap()));
    });
}
