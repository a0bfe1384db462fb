//! The check of the URL, the events, and what becomes of those that are not answered.

use serde_json::json;

use super::harness::{Harness, Receiver, between};

const ONE: &str = r#"[{"type":1,"apv_rel":2,"userid":["LiNa"]},{"type":2,"userid":["00042"]}]"#;

#[tokio::test]
async fn a_url_is_kept_only_when_it_answers_the_bare_text() {
    let sandbox = Harness::new().await;
    let receiver = Receiver::new(&sandbox).await;
    receiver.append("\n");
    let (status, answer) = sandbox.enter(json!({"callback_url": receiver.url})).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().starts_with("openapi回调地址请求不通过"), "{answer}");
    assert_eq!(sandbox.sandbox.app("wecom").unwrap()["callback_url"], json!(null));
    receiver.append("");
    assert_eq!(sandbox.enter(json!({"callback_url": receiver.url})).await.0, 200);
    let short = json!({"callback_url": receiver.url, "aes_key": "short"});
    assert_eq!(sandbox.enter(short).await.0, 400);
    assert_eq!(sandbox.enter(json!({"callback_url": "ftp://x"})).await.0, 400);
    assert_eq!(receiver.taken().len(), 0, "the check is no event");
}

#[tokio::test]
async fn an_event_tells_the_old_view_and_the_new_one() {
    let sandbox = Harness::new().await;
    let receiver = Receiver::entered(&sandbox).await;
    let template = sandbox.template().await;
    let number = sandbox.started(&template, ONE).await;
    sandbox.settle(&number).await;
    receiver.taken();
    sandbox.does(&number, json!({"user": "LiNa", "action": "approve", "remark": "同意 <ok> & ]]> go"})).await;
    let corp = sandbox.setting("corp_id");
    let events = receiver.taken();
    assert_eq!(
        events,
        [format!(
            "<xml><ToUserName><![CDATA[{corp}]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName><CreateTime>1789992000</CreateTime>\
             <MsgType><![CDATA[event]]></MsgType><Event><![CDATA[sys_approval_change]]></Event><AgentID>3010040</AgentID><ApprovalInfo>\
             <SpNoStr><![CDATA[202609210001]]></SpNoStr><SpNo>202609210001</SpNo><SpName><![CDATA[访问审批]]></SpName><SpStatus>2</SpStatus>\
             <TemplateId><![CDATA[{template}]]></TemplateId><ApplyTime>1789992000</ApplyTime>\
             <Applyer><UserId><![CDATA[chen.siyuan@yunshan]]></UserId><Party><![CDATA[3]]></Party></Applyer>\
             <SpRecord><SpStatus>2</SpStatus><ApproverAttr>1</ApproverAttr><Details><Approver><UserId><![CDATA[LiNa]]></UserId></Approver>\
             <Speech><![CDATA[同意 <ok> & ]]]]><![CDATA[> go]]></Speech><SpStatus>2</SpStatus><SpTime>1789992000</SpTime></Details></SpRecord>\
             <Notifyer><UserId><![CDATA[00042]]></UserId></Notifyer>\
             <ProcessList><NodeList><NodeType>1</NodeType><SpStatus>2</SpStatus><ApvRel>2</ApvRel><SubNodeList><UserInfo><UserId><![CDATA[LiNa]]></UserId></UserInfo>\
             <Speech><![CDATA[同意 <ok> & ]]]]><![CDATA[> go]]></Speech><SpYj>2</SpYj><Sptime>1789992000</Sptime></SubNodeList></NodeList>\
             <NodeList><NodeType>2</NodeType><SubNodeList><UserInfo><UserId><![CDATA[00042]]></UserId></UserInfo></SubNodeList></NodeList></ProcessList>\
             <StatuChangeEvent>2</StatuChangeEvent></ApprovalInfo></xml>"
        )]
    );
}

#[tokio::test]
async fn an_event_is_sent_again_three_times_and_then_lost() {
    let sandbox = Harness::new().await;
    let receiver = Receiver::entered(&sandbox).await;
    let template = sandbox.template().await;
    receiver.answer(500);
    let number = sandbox.started(&template, ONE).await;
    sandbox.settle(&number).await;
    for _ in 0..5 {
        sandbox.pass(5_000);
        sandbox.sandbox.deliver_due().await;
    }
    assert_eq!(receiver.taken().len(), 4);
    assert_eq!(sandbox.callbacks(&number).await[0].1, "failed");
    receiver.answer(200);
    sandbox.pass(3_600_000);
    sandbox.sandbox.deliver_due().await;
    assert_eq!(receiver.taken().len(), 0, "lost for good: only reading finds it");
    assert_eq!(sandbox.read(&number).await["sp_status"], 1);
}

#[tokio::test]
async fn events_can_be_lost_and_repeated_on_purpose() {
    let sandbox = Harness::new().await;
    let receiver = Receiver::entered(&sandbox).await;
    let template = sandbox.template().await;
    sandbox.fault(json!({"drop_callbacks": 1})).await;
    let number = sandbox.started(&template, ONE).await;
    sandbox.settle(&number).await;
    assert_eq!((receiver.taken().len(), sandbox.callbacks(&number).await[0].1.as_str()), (0, "dropped"));
    sandbox.fault(json!({"repeat_callbacks": 2})).await;
    sandbox.does(&number, json!({"user": "LiNa", "action": "approve"})).await;
    let events = receiver.taken();
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| between(event, "<StatuChangeEvent>", "<") == "2"));
}

#[tokio::test]
async fn a_killed_process_loses_neither_state_nor_events() {
    let mut sandbox = Harness::new().await;
    let receiver = Receiver::entered(&sandbox).await;
    let template = sandbox.template().await;
    receiver.answer(500);
    let number = sandbox.started(&template, ONE).await;
    sandbox.settle(&number).await;
    let (token, before) = (sandbox.token().await, sandbox.read(&number).await);
    sandbox.pass(5_000);

    let again = sandbox.restarted().await;
    drop(sandbox);
    assert_eq!((again.token().await, again.read(&number).await), (token, before));
    receiver.answer(200);
    receiver.taken();
    again.sandbox.deliver_due().await;
    assert_eq!(receiver.told(), [("1".to_owned(), "1".to_owned())]);
    assert_eq!(again.started(&template, ONE).await, "202609210002");
}
