//! The data key that KMS protects: made once, decrypted once per process, the same for all.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_sdk_kms::Client as Kms;
use countersign::clock::World;
use countersign::store::DataKey;
use countersign_local::dynamodb;
use countersign_tests::kms::FakeKms;
use countersign_tests::test_store;
use secrecy::ExposeSecret;

async fn kms() -> (Kms, Arc<FakeKms>) {
    let (endpoint, fake) = FakeKms::start().await;
    // Any service of AWS is reached in the same way.
    (Kms::new(&dynamodb::at(&endpoint)), fake)
}

#[tokio::test]
async fn all_processes_share_one_data_key() {
    let (store, (client, fake)) = (test_store().await, kms().await);
    let world = World::system();
    let processes: Vec<DataKey> = (0..4).map(|_| DataKey::kms(client.clone(), "k", store.clone())).collect();
    let started: Vec<_> =
        processes.iter().cloned().map(|key| tokio::spawn(async move { key.sealer().await.map(|_| ()) })).collect();
    for process in started {
        process.await.unwrap().unwrap();
    }
    let sealed = processes[0].sealer().await.unwrap().seal(&"secret".into(), "place", &world).unwrap();
    for process in &processes {
        let opened = process.sealer().await.unwrap().open(&sealed, "place").unwrap();
        assert_eq!(opened.expose_secret(), "secret");
    }
    let late = DataKey::kms(client, "k", store);
    assert!(late.sealer().await.unwrap().open(&sealed, "place").is_ok());
    let before = fake.decrypted.load(Ordering::SeqCst);
    assert!(late.sealer().await.unwrap().open(&sealed, "place").is_ok());
    assert_eq!(fake.decrypted.load(Ordering::SeqCst), before, "decrypted once per process");
}

#[tokio::test]
async fn it_is_opened_while_the_process_starts_and_not_by_the_first_that_needs_it() {
    let (store, (client, fake)) = (test_store().await, kms().await);
    let first = DataKey::kms(client.clone(), "k", store.clone());
    first.open().await.unwrap();
    assert_eq!(fake.generated.load(Ordering::SeqCst), 0, "starting makes no key");
    first.sealer().await.unwrap();
    let second = DataKey::kms(client, "k", store);
    second.open().await.unwrap();
    let decrypted = fake.decrypted.load(Ordering::SeqCst);
    assert_eq!(decrypted, 1);
    second.sealer().await.unwrap();
    assert_eq!(fake.decrypted.load(Ordering::SeqCst), decrypted, "it is open already");
    assert!(DataKey::absent().open().await.is_ok(), "who has no key needs none to start");
}

#[tokio::test]
async fn a_process_that_starts_while_kms_is_down_works_once_it_is_up() {
    let (store, (client, fake)) = (test_store().await, kms().await);
    DataKey::kms(client.clone(), "k", store.clone()).sealer().await.unwrap();
    let key = DataKey::kms(client, "k", store);
    fake.down.store(true, Ordering::SeqCst);
    assert!(key.open().await.is_err());
    fake.down.store(false, Ordering::SeqCst);
    assert!(key.sealer().await.is_ok());
}

#[tokio::test]
async fn a_failure_is_tried_again_by_the_next_call() {
    let (store, (client, fake)) = (test_store().await, kms().await);
    let key = DataKey::kms(client, "k", store);
    fake.down.store(true, Ordering::SeqCst);
    assert!(key.sealer().await.is_err());
    fake.down.store(false, Ordering::SeqCst);
    assert!(key.sealer().await.is_ok());
    assert_eq!(fake.generated.load(Ordering::SeqCst), 1);
    assert!(DataKey::absent().sealer().await.is_err());
}
