//! What becomes of a delivery whose receiver is slow, down, flapping, gone, tired, or sends us elsewhere.

use std::time::{Duration, Instant};

use countersign::engine::dispatch::dispatch;
use countersign::engine::sweep::{Sweeper, sweep};
use countersign::providers::outbound::{AddressPolicy, Outbound};
use countersign::store::deliveries::DeliveryStatus;
use countersign_tests::desk::NOW;
use countersign_tests::http::test_app;
use countersign_tests::port::Port;

use super::scene::{Act, Scene, Scripted, source};

const DAY: i64 = 86_400_000;

#[tokio::test]
async fn a_refusal_is_repeated_at_growing_intervals_under_one_id_and_with_the_attempts_own_time() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    let mut story = scene.approval(1).await;
    receiver.always(Act::Say(500));
    story.tell(&scene).await;
    let row = scene.rows(&story.record.id).await.remove(0);
    assert_eq!((row.attempts, row.last_status, row.status), (1, Some(500), DeliveryStatus::Pending));
    assert_eq!(row.last_error.as_deref(), Some("the receiver answered 500"));
    assert!((5_000..=5_500).contains(&(row.next_attempt_at.unwrap() - NOW)), "{row:?}");
    scene.turns(1, 4_000).await;
    assert_eq!(receiver.arrived().len(), 1, "not before its time");
    // The receiver's clock is its own business: what it is told is the time of the attempt, not that of the event.
    scene.turns(1, 1_600).await;
    scene.turns(1, 33_100).await;
    receiver.always(Act::Say(204));
    scene.turns(1, 132_100).await;
    let arrived = receiver.arrived();
    let times: Vec<i64> =
        arrived.iter().map(|one| one.headers["webhook-timestamp"].to_str().unwrap().parse().unwrap()).collect();
    assert_eq!(times, [0, 5_600, 38_700, 170_800].map(|after| (NOW + after) / 1000));
    assert!(arrived.iter().all(|one| one.id == row.id.as_str() && one.body == row.body.as_bytes()));
    let row = scene.rows(&story.record.id).await.remove(0);
    assert_eq!((row.status, row.attempts, row.last_error), (DeliveryStatus::Delivered, 4, None));
    assert_eq!((row.last_status, row.delivered_at), (Some(204), Some(NOW + 170_800)));
}

#[tokio::test]
async fn what_is_refused_for_three_days_is_dead_and_the_next_event_goes_on() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    let mut story = scene.approval(1).await;
    receiver.always(Act::Say(500));
    story.tell(&scene).await;
    story.tell(&scene).await;
    scene.turns(80, DAY / 24).await;
    let rows = scene.rows(&story.record.id).await;
    assert_eq!((rows[0].status, rows[0].next_attempt_at), (DeliveryStatus::Dead, None));
    assert!((9..=12).contains(&rows[0].attempts), "{}", rows[0].attempts);
    assert_eq!(rows[1].status, DeliveryStatus::Dead, "it had waited as long, and got its attempt");
    assert!(rows[1].attempts >= 1);
    let ids: Vec<String> = receiver.arrived().into_iter().map(|one| one.id).collect();
    let changes = ids.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!(changes, 1, "first the one, then the other");
    assert_eq!(scene.sweep().await, 0, "nothing is due any more");
}

#[tokio::test]
async fn gone_ends_one_delivery_and_the_next_goes_at_once() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    let mut story = scene.approval(1).await;
    receiver.next([Act::Say(500), Act::Say(410)]);
    story.tell(&scene).await;
    story.tell(&scene).await;
    scene.turns(1, 5_600).await;
    let rows = scene.rows(&story.record.id).await;
    let states: Vec<_> = rows.iter().map(|row| (row.status, row.last_status)).collect();
    assert_eq!(states, [(DeliveryStatus::Dead, Some(410)), (DeliveryStatus::Delivered, Some(204))]);
}

#[tokio::test]
async fn a_redirect_is_a_failure_that_says_so_and_is_not_followed() {
    let (receiver, other) = (Scripted::start().await, Scripted::start().await);
    let scene = Scene::new(&receiver.url).await;
    let mut story = scene.approval(1).await;
    let elsewhere: &'static str = other.url.clone().leak();
    receiver.always(Act::SayWith(307, "location", elsewhere));
    story.tell(&scene).await;
    let row = scene.rows(&story.record.id).await.remove(0);
    assert_eq!((row.status, row.last_status), (DeliveryStatus::Pending, Some(307)));
    assert_eq!(row.last_error.as_deref(), Some("the receiver answered 307: redirects are not followed"));
    assert_eq!(row.last_answer.as_deref(), Some("as I said"));
    assert!(other.arrived().is_empty());
}

#[tokio::test]
async fn retry_after_of_a_tired_receiver_is_kept_for_everything_that_goes_to_it() {
    for status in [429, 503] {
        let receiver = Scripted::start().await;
        let scene = Scene::new(&receiver.url).await;
        receiver.next([Act::SayWith(status, "retry-after", "120")]);
        let mut first = scene.approval(1).await;
        first.tell(&scene).await;
        let mut second = scene.approval(1).await;
        second.tell(&scene).await;
        scene.turns(7, 15_000).await;
        assert_eq!(receiver.arrived().len(), 1, "{status}: it is left alone");
        scene.turns(1, 15_100).await;
        let ids: Vec<String> = receiver.arrived().into_iter().map(|one| one.id).collect();
        assert_eq!(ids.len(), 3, "{status}: then it gets both: {ids:?}");
    }
    // No more than an hour.
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    receiver.next([Act::SayWith(503, "retry-after", "999999999")]);
    let mut story = scene.approval(1).await;
    story.tell(&scene).await;
    scene.turns(1, 3_600_000).await;
    assert_eq!(receiver.arrived().len(), 2);
}

#[tokio::test]
async fn a_receiver_that_breaks_off_is_tried_again_and_a_long_answer_is_an_answer() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    let mut story = scene.approval(1).await;
    receiver.next([Act::BreakOff, Act::Tell(3_000_000)]);
    story.tell(&scene).await;
    let row = scene.rows(&story.record.id).await.remove(0);
    assert_eq!((row.status, row.last_status), (DeliveryStatus::Pending, None));
    assert!(row.last_error.as_deref().unwrap().ends_with("broke"), "{row:?}");
    scene.turns(1, 5_600).await;
    let row = scene.rows(&story.record.id).await.remove(0);
    assert_eq!((row.status, row.last_status), (DeliveryStatus::Delivered, Some(200)));
    assert_eq!(row.last_answer.unwrap().chars().count(), 513, "a little of it is kept");
}

#[tokio::test]
async fn a_dead_receiver_costs_one_call_a_rest_however_much_waits_and_gets_everything_once_it_is_back() {
    let port = Port::closed();
    let scene = Scene::new(&format!("http://{}/", port.address())).await;
    let app = &scene.desk.app;
    let mut stories = Vec::new();
    for _ in 0..40 {
        let mut story = scene.approval(1).await;
        story.tell(&scene).await;
        stories.push(story);
    }
    let attempts = async || {
        let mut attempts = 0;
        for story in &stories {
            attempts += scene.rows(&story.record.id).await[0].attempts;
        }
        attempts
    };
    assert_eq!(attempts().await, 1, "the others were not even tried");
    let before = app.store.meter().spent();
    scene.turns(60, 60_000).await;
    let (after, tried) = (app.store.meter().spent(), attempts().await);
    assert!((8..=14).contains(&tried), "at growing intervals, in the end every ten minutes: {tried}");
    let writes = after.writes - before.writes;
    assert!(writes <= 6 * u64::from(tried), "{writes} writes for {tried} calls");
    // It is back.
    let receiver = Scripted::on(port.open());
    scene.turns(2, 660_000).await;
    assert_eq!(receiver.arrived().len(), 40);
    for story in &stories {
        assert_eq!(scene.rows(&story.record.id).await[0].status, DeliveryStatus::Delivered);
    }
    // The lane goes when nothing was put into it for a while.
    scene.turns(8, 60_000).await;
    assert!(app.store.lane(&scene.source.parse().unwrap()).await.unwrap().is_none());
    assert_eq!(scene.sweep().await, 0);
}

#[tokio::test]
async fn what_waited_for_three_days_for_a_dead_receiver_is_dead() {
    let port = Port::closed();
    let scene = Scene::new(&format!("http://{}/", port.address())).await;
    let mut stories = Vec::new();
    for _ in 0..5 {
        let mut story = scene.approval(1).await;
        story.tell(&scene).await;
        stories.push(story);
    }
    scene.turns(74, 3_600_000).await;
    for story in &stories {
        let row = scene.rows(&story.record.id).await.remove(0);
        assert_eq!(row.status, DeliveryStatus::Dead, "{row:?}");
        assert!(row.last_error.is_some() && row.next_attempt_at.is_none());
    }
}

#[tokio::test]
async fn a_flapping_receiver_gets_everything_in_order() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    let mut story = scene.approval(6).await;
    for n in 0.. {
        receiver.always(if n % 2 == 0 { Act::Say(502) } else { Act::Say(204) });
        story.tell(&scene).await;
        scene.turns(1, 3_000).await;
        if story.has_ended() {
            break;
        }
    }
    receiver.always(Act::Say(204));
    scene.turns(6, 60_000).await;
    let rows = scene.rows(&story.record.id).await;
    assert!(rows.iter().all(|row| row.status == DeliveryStatus::Delivered), "{rows:#?}");
    let taken: Vec<String> = receiver.arrived().into_iter().filter(|one| one.taken).map(|one| one.id).collect();
    let wanted: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
    assert_eq!(taken, wanted, "each once and in order");
    assert_eq!(taken.len(), story.events());
}

#[tokio::test]
async fn dispatch_waits_for_a_slow_receiver_once_and_the_lane_for_as_long_as_it_takes() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    receiver.always(Act::Dawdle(Duration::from_millis(1_900)));
    let begun = Instant::now();
    let mut first = scene.approval(1).await;
    first.tell(&scene).await;
    let row = scene.rows(&first.record.id).await.remove(0);
    assert_eq!((row.status, row.attempts), (DeliveryStatus::Pending, 1));
    assert!(row.last_error.as_deref().unwrap().ends_with("in time"), "{row:?}");
    let mut others = Vec::new();
    for _ in 0..10 {
        let mut story = scene.approval(1).await;
        story.tell(&scene).await;
        others.push(story);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "the others did not wait for it: {:?}", begun.elapsed());
    assert_eq!(receiver.arrived().len(), 1);
    receiver.next([Act::Dawdle(Duration::from_millis(1_200))]);
    scene.desk.clock.advance(6_000);
    let app = scene.desk.app.clone();
    let swept = tokio::spawn(async move { sweep(&app).await.unwrap() });
    while receiver.arrived().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    receiver.always(Act::Say(204));
    swept.await.unwrap();
    assert_eq!(receiver.arrived().len(), 12, "it has answered, so the lane goes on");
    assert_eq!(scene.rows(&first.record.id).await[0].status, DeliveryStatus::Delivered);
}

#[tokio::test]
async fn a_look_of_the_sweep_does_not_wait_for_a_receiver_that_does_not_answer() {
    let (silent, good) = (Scripted::start().await, Scripted::start().await);
    silent.always(Act::Dawdle(Duration::from_secs(60)));
    good.always(Act::Say(500));
    let scene = Scene::new(&silent.url).await;
    let well = Scene { source: source(&scene.desk, &good.url).await, desk: scene.desk.elsewhere() };
    let mut stuck = scene.approval(1).await;
    stuck.tell(&scene).await;
    let mut fine = well.approval(1).await;
    fine.tell(&well).await;
    good.always(Act::Say(204));
    let mut app = well.desk.app.clone();
    app.outbound = Outbound::new(AddressPolicy::AllowAll, Duration::from_secs(50));
    let mut sweeper = Sweeper::new(&app);
    scene.desk.clock.advance(5_600);
    let begun = Instant::now();
    assert_eq!(sweeper.check().await.unwrap(), 2);
    while good.arrived().len() < 2 {
        sweeper.wait(Duration::from_millis(20)).await;
        assert!(begun.elapsed() < Duration::from_secs(40), "the good one waited");
    }
    // And again while the call to the other is still under way.
    good.next([Act::Say(500)]);
    fine.tell(&well).await;
    scene.desk.clock.advance(5_600);
    assert!(!sweeper.is_idle());
    while good.arrived().len() < 4 {
        sweeper.check().await.unwrap();
        sweeper.wait(Duration::from_millis(20)).await;
        assert!(begun.elapsed() < Duration::from_secs(40), "the good one waited");
    }
    assert!(!sweeper.is_idle(), "and the other is still asked");
}

#[tokio::test]
async fn an_address_inside_is_refused_when_it_is_called_too() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    // The same table, in a process that may call public addresses only.
    let mut app = test_app(scene.desk.app.store.clone(), scene.desk.app.world.clone());
    app.outbound = Outbound::new(AddressPolicy::PublicOnly, Duration::from_secs(5));
    let mut story = scene.approval(1).await;
    let change = story.step(&scene).await;
    dispatch(&app, &change).await.unwrap();
    let row = scene.rows(&story.record.id).await.remove(0);
    assert_eq!((row.status, row.attempts), (DeliveryStatus::Dead, 1));
    assert_eq!(row.last_error.as_deref(), Some("127.0.0.1 is a private address, which may not be called"));
    let port = receiver.url.rsplit_once(':').unwrap().1;
    let named = source(&scene.desk, &format!("http://localhost:{port}")).await;
    let scene = Scene { source: named, ..scene };
    let mut story = scene.approval(1).await;
    let change = story.step(&scene).await;
    dispatch(&app, &change).await.unwrap();
    let row = scene.rows(&story.record.id).await.remove(0);
    assert_eq!(row.status, DeliveryStatus::Dead, "a name that leads there is no way inside either: {row:?}");
    assert!(receiver.arrived().is_empty());
}

#[tokio::test]
async fn deliveries_of_a_deleted_source_end() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    let mut story = scene.approval(1).await;
    receiver.always(Act::Say(500));
    story.tell(&scene).await;
    let gone =
        scene.desk.client.call("DELETE", &format!("/v1/sources/{}", scene.source), &serde_json::Value::Null).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    scene.turns(1, 5_600).await;
    let row = scene.rows(&story.record.id).await.remove(0);
    assert_eq!((row.status, row.last_error.as_deref()), (DeliveryStatus::Dead, Some("the source was deleted")));
}
