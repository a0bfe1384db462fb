//! The deployment's template and the code say the same, and the template keeps its promises on access and recovery.

mod document;

use std::collections::BTreeSet;

use countersign::store::keys;
use countersign::store::schema::{INDEXES, PK, SK, TTL};
use serde_json::{Map, Value, json};

use document::{root, strings, template};

fn resources(template: &Value) -> &Map<String, Value> {
    template["Resources"].as_object().unwrap()
}

/// Name and body of every resource of a type.
fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    resources(template)
        .iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name.as_str(), resource))
        .collect()
}

fn functions(template: &Value) -> Vec<(&str, &Value)> {
    of_type(template, "AWS::Serverless::Function")
}

/// The resource that `{"Ref": name}` or `{"Fn::GetAtt": [name, ..]}` points to.
fn target<'a>(template: &'a Value, reference: &Value) -> (&'a str, &'a Value) {
    let name = reference["Ref"].as_str().or_else(|| reference["Fn::GetAtt"][0].as_str());
    let name = name.unwrap_or_else(|| panic!("not a reference: {reference}"));
    let (name, resource) = resources(template).get_key_value(name).unwrap_or_else(|| panic!("no resource {name}"));
    (name, resource)
}

/// The statements of a role's policies.
fn statements(role: &Value) -> Vec<&Value> {
    let policies = role["Properties"]["Policies"].as_array().unwrap();
    policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap()).collect()
}

/// What the template sends to each function's binary: methods and paths.
fn deployed_routes(template: &Value) -> BTreeSet<(String, String, String)> {
    let routes = of_type(template, "AWS::ApiGatewayV2::Route");
    routes
        .into_iter()
        .map(|(name, route)| {
            let (method, path) = route["Properties"]["RouteKey"].as_str().and_then(|key| key.split_once(' ')).unwrap();
            let integration = between(&route["Properties"]["Target"]["Fn::Sub"], "integrations/${", "}");
            let properties = &template["Resources"][integration]["Properties"];
            let function = between(&properties["IntegrationUri"]["Fn::Sub"], "/functions/${", ".Arn}/invocations");
            let binary = &template["Resources"][function]["Metadata"]["BuildProperties"]["Binary"];
            let binary = binary.as_str().unwrap_or_else(|| panic!("{name} leads to no function"));
            (binary.to_owned(), method.to_owned(), path.to_owned())
        })
        .collect()
}

/// The part of a string between two others.
fn between<'a>(text: &'a Value, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.as_str().unwrap().split_once(before).unwrap();
    rest.split_once(after).unwrap().0
}

/// A field that may be one thing or a list of them.
fn one_or_many(field: &Value) -> Vec<&Value> {
    field.as_array().map_or_else(|| vec![field], |many| many.iter().collect())
}

#[test]
fn every_crate_is_deployed_as_a_small_native_function() {
    let template = template();
    let globals = &template["Globals"]["Function"];
    assert_eq!(globals["Runtime"], "provided.al2023");
    assert_eq!(globals["Handler"], "bootstrap");
    assert_eq!(globals["Architectures"], json!([{"Ref": "Architecture"}]));
    assert_eq!(template["Parameters"]["Architecture"]["Default"], "arm64");

    let mut deployed = BTreeSet::new();
    for (name, function) in functions(&template) {
        let folder = function["Properties"]["CodeUri"].as_str().unwrap();
        let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap();
        let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("[[bin]]\nname = \"{binary}\"")), "{name}: {folder} has no binary {binary}");
        assert_eq!(function["Metadata"]["BuildMethod"], "rust-cargolambda", "{name}");
        deployed.insert(root().join(folder));
    }
    let crates = std::fs::read_dir(root().join("functions")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(deployed, crates);
}

#[test]
fn routes_are_those_of_the_code() {
    let code = [
        ("approvals", countersign_approvals::ROUTES),
        ("config", countersign_config::ROUTES),
        ("console", countersign_console::ROUTES),
        ("external-callback", countersign_external_callback::ROUTES),
        ("provider-callback", countersign_provider_callback::ROUTES),
        ("submit", countersign_submit::ROUTES),
    ];
    // Where addresses are that people paste: what the gateway hands in beside them.
    let below = [
        ("external-callback", countersign_external_callback::BELOW),
        ("provider-callback", countersign_provider_callback::BELOW),
        ("submit", countersign_submit::BELOW),
    ];
    let code: BTreeSet<_> = code
        .into_iter()
        .chain(below)
        .flat_map(|(binary, routes)| routes.iter().map(move |(method, path)| (binary, *method, *path)))
        .map(|(binary, method, path)| (binary.to_owned(), method.to_owned(), path.to_owned()))
        .collect();
    let template = template();
    let deployed = deployed_routes(&template);
    assert_eq!(code.difference(&deployed).collect::<Vec<_>>(), Vec::<&_>::new(), "in the code only");
    assert_eq!(deployed.difference(&code).collect::<Vec<_>>(), Vec::<&_>::new(), "in the template only");
    assert_eq!(deployed.len(), of_type(&template, "AWS::ApiGatewayV2::Route").len(), "a route is there twice");
}

/// An HTTP API refuses a route that ends with a slash, and sends a request whose path does to no route without one. A `{proxy+}` at the
/// end of a route takes everything below it.
#[test]
fn an_address_that_was_pasted_with_a_slash_leads_to_its_function() {
    let template = template();
    let deployed = deployed_routes(&template);
    assert!(deployed.iter().all(|(_, _, path)| !path.ends_with('/')), "{deployed:?}");
    let function_of = |method: &str, path: &str| {
        let matches = |route: &str| match route.strip_suffix("{proxy+}") {
            Some(base) => is_below(base.trim_end_matches('/'), path),
            None => segments(route).len() == segments(path).len() && is_below(route, path),
        };
        let found = deployed.iter().filter(|(_, own, route)| own == method && matches(route));
        found.map(|(binary, ..)| binary.as_str()).collect::<BTreeSet<_>>()
    };
    for (binary, method, path) in [
        ("provider-callback", "GET", "/callbacks/con_1"),
        ("provider-callback", "POST", "/callbacks/con_1"),
        ("external-callback", "POST", "/openapi/apply/externalApplyCallBack"),
        ("submit", "POST", "/inbound/src_1/quick-audience/apply"),
        ("submit", "POST", "/inbound/src_1/quick-audience/apply/token"),
        ("submit", "POST", "/inbound/src_1/quick-bi/push"),
        ("submit", "GET", "/inbound/src_1//dataphin/bpms/revoke"),
        ("submit", "POST", "/inbound/src_1//dataphin/bpms/check/connect"),
        ("submit", "POST", "/inbound/src_1//dataphin/bpms/processinstance/create"),
    ] {
        let slashed = if path.contains("//") { path.to_owned() } else { format!("{path}/") };
        assert_eq!(function_of(method, &slashed), BTreeSet::from([binary]), "{method} {slashed}");
    }
}

fn segments(path: &str) -> Vec<&str> {
    path.trim_start_matches('/').split('/').collect()
}

/// Whether a path begins with a route's segments, of which those in braces stand for any.
fn is_below(route: &str, path: &str) -> bool {
    let (route, path) = (segments(route), segments(path));
    let same = |(own, asked): (&&str, &&str)| own.starts_with('{') || own == asked;
    route.len() <= path.len() && route.iter().zip(&path).all(same)
}

#[test]
fn the_gateway_may_call_the_functions_it_leads_to() {
    let template = template();
    let allowed: BTreeSet<_> = of_type(&template, "AWS::Lambda::Permission")
        .into_iter()
        .map(|(_, permission)| target(&template, &permission["Properties"]["FunctionName"]).1)
        .map(|function| function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap().to_owned())
        .collect();
    let reached: BTreeSet<_> = deployed_routes(&template).into_iter().map(|(binary, ..)| binary).collect();
    assert_eq!(allowed, reached);
}

#[test]
fn every_function_writes_json_logs_that_end_some_day_and_traces() {
    let template = template();
    assert_eq!(template["Globals"]["Function"]["LoggingConfig"]["LogFormat"], "JSON");
    assert_eq!(template["Globals"]["Function"]["Tracing"], "Active");
    let mut groups = BTreeSet::new();
    for (name, function) in functions(&template) {
        let (group, logs) = target(&template, &function["Properties"]["LoggingConfig"]["LogGroup"]);
        assert_eq!(logs["Type"], "AWS::Logs::LogGroup", "{name}");
        assert!(groups.insert(group), "{name} shares {group}");
    }
    for (name, logs) in of_type(&template, "AWS::Logs::LogGroup") {
        assert_eq!(logs["Properties"]["RetentionInDays"], json!({"Ref": "LogRetentionDays"}), "{name}");
    }
}

#[test]
fn every_function_has_a_role_of_its_own_with_what_it_needs() {
    let template = template();
    let mut roles = BTreeSet::new();
    for (name, function) in functions(&template) {
        let (role_name, role) = target(&template, &function["Properties"]["Role"]);
        assert!(roles.insert(role_name), "{name} shares {role_name}");
        assert_eq!(role["Properties"]["ManagedPolicyArns"], Value::Null, "{name}: managed policies are too wide");
        assert_eq!(function["Properties"]["Policies"], Value::Null, "{name}: SAM ignores policies beside a role");
        for statement in statements(role) {
            for action in one_or_many(&statement["Action"]) {
                let action = action.as_str().unwrap();
                assert!(!action.contains('*'), "{role_name}: {action}");
                for resource in one_or_many(&statement["Resource"]) {
                    // X-Ray has no resources to name.
                    assert!(resource != "*" || action.starts_with("xray:"), "{role_name}: {action} on everything");
                }
            }
        }
        let (_, logs) = statements(role)
            .into_iter()
            .find(|statement| one_or_many(&statement["Action"]).contains(&&json!("logs:PutLogEvents")))
            .map(|statement| target(&template, &statement["Resource"]))
            .unwrap();
        assert_eq!(logs, target(&template, &function["Properties"]["LoggingConfig"]["LogGroup"]).1, "{name}");
    }
    for (name, role) in of_type(&template, "AWS::IAM::Role") {
        if roles.contains(name) {
            continue;
        }
        // What is left may start one function and do nothing else.
        let [statement] = statements(role)[..] else { panic!("{name} may do more than one thing") };
        assert_eq!(statement["Action"], json!(["lambda:InvokeFunction"]), "{name}");
        assert_eq!(target(&template, &statement["Resource"]).1["Type"], "AWS::Serverless::Function", "{name}");
    }
}

#[test]
fn nothing_is_bound_to_one_partition() {
    let template = template();
    for text in strings(&template) {
        assert!(!text.contains("arn:aws"), "{text}");
        // Names of services are the same everywhere; host names are not.
        let principal = text.strip_suffix(".amazonaws.com").is_some_and(|service| !service.contains('.'));
        assert!(principal || !text.contains("amazonaws.com"), "{text}");
    }
}

#[test]
fn the_stream_leads_to_dispatch_and_no_change_gets_lost_or_stuck() {
    let template = template();
    let dispatch = &template["Resources"]["DispatchFunction"];
    let source = &dispatch["Properties"]["Events"]["Changes"]["Properties"];
    assert_eq!(source["Stream"], json!({"Fn::GetAtt": ["Table", "StreamArn"]}));
    assert_eq!(source["StartingPosition"], "TRIM_HORIZON");
    assert_eq!(source["BisectBatchOnFunctionError"], true);
    assert_eq!(source["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert!(source["MaximumRetryAttempts"].as_u64().is_some(), "without a limit one bad record blocks its shard");

    let destination = &source["DestinationConfig"]["OnFailure"]["Destination"];
    let (_, queue) = target(&template, destination);
    assert_eq!(queue["Type"], "AWS::SQS::Queue");
    assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true);
    let (_, role) = target(&template, &dispatch["Properties"]["Role"]);
    assert!(
        statements(role).iter().any(|s| s["Action"] == json!(["sqs:SendMessage"]) && s["Resource"] == *destination),
        "dispatch may not write to its failure queue"
    );

    let filters = source["FilterCriteria"]["Filters"].as_array().unwrap();
    let mut kinds = Vec::new();
    for filter in filters {
        let mut pattern: Value = serde_json::from_str(filter["Pattern"].as_str().unwrap()).unwrap();
        let names = pattern["eventName"].as_array().unwrap();
        assert!(!names.contains(&json!("REMOVE")), "items that expire must not wake the function");
        kinds.push(pattern["dynamodb"]["Keys"]["sk"]["S"].take());
    }
    let state = keys::approval(&"apr_1".parse().unwrap()).sk;
    assert_eq!(kinds, [json!([state])]);
}

#[test]
fn the_table_is_that_of_the_code() {
    let template = template();
    let table = &template["Resources"]["Table"]["Properties"];
    let key = |pk: &str, sk: &str| json!([{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}]);
    let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind}).to_string();

    let mut attributes = BTreeSet::from([attribute(PK, "S"), attribute(SK, "S")]);
    let mut indexes = Vec::new();
    for index in INDEXES {
        attributes.insert(attribute(index.pk, "S"));
        attributes.insert(attribute(index.sk, if index.numeric { "N" } else { "S" }));
        let projection = json!({"ProjectionType": "KEYS_ONLY"});
        indexes.push(json!({"IndexName": index.name, "KeySchema": key(index.pk, index.sk), "Projection": projection}));
    }
    let defined: BTreeSet<_> =
        table["AttributeDefinitions"].as_array().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(defined, attributes);
    assert_eq!(table["KeySchema"], key(PK, SK));
    assert_eq!(table["GlobalSecondaryIndexes"], json!(indexes));
    assert_eq!(table["TimeToLiveSpecification"], json!({"AttributeName": TTL, "Enabled": true}));
    assert_eq!(table["StreamSpecification"], json!({"StreamViewType": "NEW_AND_OLD_IMAGES"}));
    assert_eq!(table["BillingMode"], "PAY_PER_REQUEST");
}

#[test]
fn what_cannot_be_made_again_is_kept() {
    let template = template();
    for name in ["Table", "SecretsKey"] {
        let resource = &template["Resources"][name];
        assert_eq!(resource["DeletionPolicy"], "Retain", "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
    }
    let table = &template["Resources"]["Table"]["Properties"];
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(table["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(template["Resources"]["SecretsKey"]["Properties"]["EnableKeyRotation"], true);
}
