//! The posts of a social site behind three cache nodes in one process, all over one SQLite database.
//!
//! `cargo run --example social_posts` tells the story; the README explains what it prints. With arguments (`--nodes 100
//! --updates 200 --readers 8 --strategy write-invalidate`) as many nodes as wanted read while one after the other writes.

#[path = "crowd/mod.rs"]
mod crowd;
#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use clearwell::config::{Config, Strategy};
use clearwell::node::{Answer, Demand, Node, Put, Sources, Written};
use clearwell::road::InvalidationRequest;
use clearwell_engine::{Cause, Origin, Scope};
use clearwell_source::Source;

use shared::Shared;

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// A web server of the site with a cache node of its own.
struct Web {
    name: &'static str,
    node: Arc<Node>,
}

impl Web {
    fn open(name: &'static str, sources: &Sources) -> Done<Web> {
        let handle = tokio::runtime::Handle::current();
        let node = Node::over(Config::default_sample(), sources.clone(), handle)?;
        Ok(Web { name, node })
    }

    /// A post's content: from memory, or by the keyspace's SQL.
    async fn get_post(&self, post_id: u64) -> Done<Answer> {
        Ok(self.node.read(&post_key(post_id), Demand::PLAIN).wait().await?)
    }

    /// Changes a post's content. When it returns, the strategy's promise holds.
    async fn update_post(&self, post_id: u64, content: &str, strategy: Strategy) -> Done<Instant> {
        let put = Put { value: content.as_bytes().into(), write: Some(strategy), ..Put::default() };
        self.node.set(&post_key(post_id), put, Origin::default()).wait().await?;
        println!("  {}  update_post({post_id}, {content:?}, {strategy})", self.name);
        Ok(Instant::now())
    }

    /// Reads a post and prints where it came from.
    async fn show(&self, post_id: u64) -> Done {
        let answer = self.get_post(post_id).await?;
        let whence = if answer.hit { "memory" } else { "database" };
        println!("  {}  get_post({post_id}) from {whence:<8}  {}", self.name, text(&answer));
        Ok(())
    }

    /// Reads a post over and over until it is the new one, and prints how long after the commit that was.
    async fn learns(&self, post_id: u64, content: &str, committed: Instant) -> Done {
        while text(&self.get_post(post_id).await?) != content {
            if committed.elapsed() > Duration::from_secs(10) {
                return Err(format!("{} did not learn of a commit within 10 s", self.name).into());
            }
            tokio::task::yield_now().await;
        }
        let after = committed.elapsed();
        println!(
            "  {}  get_post({post_id}) {:.1} ms after the commit  {content}",
            self.name,
            after.as_secs_f64() * 1e3
        );
        Ok(())
    }
}

fn post_key(post_id: u64) -> Vec<u8> {
    format!("post:{post_id}").into_bytes()
}

fn text(answer: &Answer) -> String {
    let value = answer.value.as_deref().map(String::from_utf8_lossy);
    value.map_or("(no such post)".to_owned(), |value| value.into_owned())
}

fn main() -> Done {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if std::env::args().len() > 1 {
        return runtime.block_on(crowd::run(&crowd::Args::parse(), folder.path()));
    }
    runtime.block_on(story(folder.path()))
}

async fn story(data: &Path) -> Done {
    let main: Arc<dyn Source> = Arc::new(Shared::open(&Config::default_sample(), data)?);
    let sources = Sources::from([("main".to_owned(), main)]);
    let webs = [Web::open("A", &sources)?, Web::open("B", &sources)?, Web::open("C", &sources)?];
    reading(&webs).await?;
    writing(&webs).await?;
    an_author_is_renamed(&webs).await?;
    a_migration(&webs, data).await?;
    a_late_fill(&webs[0]).await
}

async fn reading(webs: &[Web; 3]) -> Done {
    println!("\n1. Each node loads a post once, then answers from memory.");
    for web in webs {
        web.show(1).await?;
        web.show(1).await?;
    }
    Ok(())
}

async fn writing([a, b, c]: &[Web; 3]) -> Done {
    println!(
        "\n2. write-through: committed, and kept at the node that wrote; the others hear of the commit."
    );
    let committed = a.update_post(1, "Rain all day.", Strategy::Through).await?;
    a.show(1).await?;
    b.learns(1, "Rain all day.", committed).await?;
    c.learns(1, "Rain all day.", committed).await?;
    println!("\n3. write-invalidate: committed, and dropped here too; the next read loads what is there.");
    let committed = b.update_post(1, "Sun at last.", Strategy::Invalidate).await?;
    b.show(1).await?;
    c.learns(1, "Sun at last.", committed).await?;
    println!(
        "\n4. cache-only: at this node until the row changes; the database and the others know nothing."
    );
    c.update_post(2, "A draft that only C has.", Strategy::CacheOnly).await?;
    c.show(2).await?;
    a.show(2).await
}

async fn an_author_is_renamed([a, b, _]: &[Web; 3]) -> Done {
    println!("\n5. Every post carries its author's tag: one statement covers all that A holds.");
    for post_id in 1..=3 {
        a.get_post(post_id).await?;
    }
    let tag = InvalidationRequest::now(vec![Scope::Tag(b"author:1"[..].into())], Cause::Command);
    let reached = a.node.invalidate(InvalidationRequest { cascade: false, ..tag }).reached;
    println!("  A  invalidate tag author:1, {} entries reached", reached.entries);
    a.show(3).await?;
    b.show(1).await
}

async fn a_migration(webs: &[Web; 3], data: &Path) -> Done {
    println!(
        "\n6. Another program changes the row behind everyone's back; triggers log it, each node reads the log."
    );
    for web in webs {
        web.get_post(6).await?;
    }
    let other = rusqlite::Connection::open(data.join("sample.db"))?;
    other.busy_timeout(Duration::from_secs(5))?;
    other.execute("UPDATE posts SET content = 'Fixed by a script.' WHERE id = 6", [])?;
    let committed = Instant::now();
    println!("     UPDATE posts SET content = 'Fixed by a script.' WHERE id = 6");
    for web in webs {
        web.learns(6, "Fixed by a script.", committed).await?;
    }
    Ok(())
}

async fn a_late_fill(web: &Web) -> Done {
    println!("\n7. A page that the application renders itself: a fill that comes too late is refused.");
    let key = b"page:home";
    let lease = miss(web, key).await?;
    println!("  A  GET page:home  misses; the application begins to render it");
    web.node.invalidate(InvalidationRequest::now(vec![Scope::Key(key[..].into())], Cause::Command));
    println!("  A  invalidate key page:home, before the page is done");
    println!("  A  SET page:home  {}", fill(web, key, &lease)?);
    let lease = miss(web, key).await?;
    println!("  A  SET page:home  {}, after another miss", fill(web, key, &lease)?);
    Ok(())
}

/// Reads a key that is not there; the lease to fill it.
async fn miss(web: &Web, key: &[u8]) -> Done<Box<str>> {
    let answer = web.node.read(key, Demand::PLAIN).wait().await?;
    answer.lease.ok_or_else(|| "the page is there already".into())
}

fn fill(web: &Web, key: &[u8], lease: &str) -> Done<&'static str> {
    let put = Put { value: b"<h1>Posts</h1>".into(), ..Put::default() };
    Ok(match web.node.fill(key, lease, put)? {
        Written::Stored => "stored",
        Written::Refused => "refused",
    })
}
