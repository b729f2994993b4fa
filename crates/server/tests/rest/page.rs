//! The dashboard's files and the page of the description.

use crate::world::World;

#[test]
fn the_page_asks_only_this_node() {
    let world = World::new();
    let page = world.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    let html = page.text();
    let mut files = vec![
        "/page/chart.js",
        "/page/lookup.js",
        "/page/graph.js",
        "/page/held.js",
        "/page/keyspaces.js",
        "/page/warm.js",
    ];
    for attribute in ["src=\"", "href=\""] {
        let linked = html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
        files.extend(linked.filter(|link| !link.starts_with("data:")));
    }
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        assert!(file.starts_with('/') && !file.starts_with("//"), "{file}");
        let answer = world.get(file);
        assert_eq!(answer.status, 200, "{file}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{file}");
    }
    assert!(
        world.get("/page/app.js").header("content-type").is_some_and(|it| it.starts_with("text/javascript"))
    );
}

#[test]
fn the_descriptions_page_is_served_with_all_it_needs() {
    let world = World::new();
    let page = world.get("/api/docs/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").is_some_and(|it| it.starts_with("default-src 'none';")));
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert_eq!(world.get(&format!("/api/docs/{file}")).status, 200, "{file}");
    }
    assert_eq!(world.get("/api/docs").header("location"), Some("/api/docs/"));
}
