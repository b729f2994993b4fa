//! Links inside TLS.

use std::path::{Path, PathBuf};

use clearwell_links::{Lane, Links, MutualTls, Settings, Transport};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::node::{Node, bulk, control, settings, stream};

/// An authority, and a folder of what it signed.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { issuer, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Certificate and key for a host, in files.
    fn certify(&self, host: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (certificate_file, key_file) =
            (self.file(&format!("{host}.pem")), self.file(&format!("{host}.key")));
        std::fs::write(&certificate_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        (certificate_file, key_file)
    }
}

/// Settings without a secret, with a certificate for this host, which believe in an authority.
fn certified(node: u64, believed: &Path, (certificate, key): &(PathBuf, PathBuf)) -> Settings {
    let mut settings = settings(node);
    settings.secret = None;
    settings.transport = Transport::Tls(MutualTls::read(believed, certificate, key).unwrap());
    settings
}

#[test]
fn nodes_with_certificates_of_one_authority_exchange_messages() {
    let ours = Authority::new();
    let certificate = ours.certify("127.0.0.1");
    let nodes = [1, 2].map(|node| Node::start(certified(node, &ours.file("ca.pem"), &certificate)));
    let [a, b] = &nodes;
    a.meets(b);
    for (from, to) in [(a, b), (b, a)] {
        for message in [control(1), stream(2), bulk(3, 200_000)] {
            from.send(to, &message);
            assert_eq!(to.next(), (from.peer, message));
        }
    }
    // What is not taken delays nothing here either.
    b.hold(Lane::Bulk);
    for number in 0..100 {
        a.send(b, &bulk(number, 30_000));
        a.send(b, &control(number));
        assert_eq!(b.next().1, control(number));
    }
}

#[test]
fn a_certificate_of_another_authority_is_believed_by_neither_side() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let certificates = [ours.certify("127.0.0.1"), theirs.certify("127.0.0.1")];
    let a = Node::start(certified(1, &ours.file("ca.pem"), &certificates[0]));
    // It believes in ours, and has a certificate of its own authority.
    let b = Node::start(certified(2, &ours.file("ca.pem"), &certificates[1]));
    a.meets(&b);
    for node in [&a, &b] {
        node.stands(|figures| figures.peers.iter().any(|peer| peer.unreached.is_some()));
        let lanes = node.links.figures().peers.into_iter().flat_map(|peer| peer.lanes);
        assert!(lanes.into_iter().all(|lane| !lane.is_open && !lane.is_accepted));
    }
    let why = a.figures_of(&b).unreached.unwrap_or_default();
    assert!(why.contains("certificate"), "{why}");
}

#[test]
fn a_certificate_for_another_host_is_not_believed() {
    let ours = Authority::new();
    let a = Node::start(certified(1, &ours.file("ca.pem"), &ours.certify("127.0.0.1")));
    let b = Node::start(certified(2, &ours.file("ca.pem"), &ours.certify("other.example")));
    a.links.learn(b.peer.node, &[b.address()]).unwrap();
    a.stands(|figures| {
        figures
            .peers
            .iter()
            .any(|peer| peer.unreached.as_ref().is_some_and(|why| why.contains("not valid for")))
    });
}

#[test]
fn plain_links_are_not_taken_for_tls() {
    let ours = Authority::new();
    let mut both = [certified(1, &ours.file("ca.pem"), &ours.certify("127.0.0.1")), settings(2)];
    // Each waits for what the other one never says.
    both.iter_mut().for_each(|settings| settings.handshake_ms = 50);
    let [a, b] = both.map(Node::start);
    a.meets(&b);
    for (node, other) in [(&a, &b), (&b, &a)] {
        node.stands(|figures| {
            figures.peers.iter().any(|peer| peer.unreached.is_some() || peer.refused.is_some())
        });
        assert_eq!(node.figures_of(other).lanes.iter().filter(|lane| lane.is_open).count(), 0);
    }
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let ours = Authority::new();
    let (certificate, key) = ours.certify("127.0.0.1");
    let read = |ca: &Path, certificate: &Path, key: &Path| MutualTls::read(ca, certificate, key).unwrap_err();
    let missing = ours.file("missing.pem");
    assert!(read(&missing, &certificate, &key).contains("missing.pem"));
    assert!(read(&key, &certificate, &key).contains("there is no certificate in it"));
    assert!(read(&ours.file("ca.pem"), &certificate, &certificate).contains("127.0.0.1.pem"));
    // With certificates on both sides, strangers are kept out beyond loopback too.
    let mut open = certified(1, &ours.file("ca.pem"), &(certificate, key));
    open.listen = "0.0.0.0:0".parse().unwrap();
    open.announced.link = "node1.example:7000".into();
    Links::start(open, std::sync::Arc::new(crate::strangers::Deaf)).unwrap();
}
