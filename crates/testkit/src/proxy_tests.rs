//! The proxy itself, before a server that sends back what it gets.

use super::*;

/// A server that sends back what it gets, and a proxy before it.
fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || std::io::copy(&mut stream.try_clone().unwrap(), &mut stream));
        }
    });
    Proxy::new("echo", port)
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(local(proxy.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    stream
}

fn say(stream: &mut TcpStream, words: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(words)?;
    let mut answer = vec![0; words.len()];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

#[test]
fn bytes_pass_both_ways_and_are_counted() {
    let proxy = echo();
    let mut stream = connect(&proxy);
    assert_eq!(say(&mut stream, b"hello").unwrap(), b"hello");
    // they are counted once they are written, when the answer may be here already
    let passed = || (proxy.passed(Way::ToServer), proxy.passed(Way::ToClient));
    crate::wait_until("they are counted", Duration::from_secs(10), || (passed() == (5, 5)).then_some(()));
}

#[test]
fn a_half_open_connection_stays_open_and_dead_and_new_ones_work_after_it() {
    let proxy = echo();
    let mut stream = connect(&proxy);
    say(&mut stream, b"a").unwrap();
    proxy.set(Way::ToServer, Fault { swallow: true, ..Fault::default() });
    assert!(waits(&say(&mut stream, b"b").unwrap_err()), "nobody answers, and nobody hangs up");
    proxy.restore();
    assert!(waits(&say(&mut stream, b"c").unwrap_err()), "bytes of this connection are lost for good");
    assert_eq!(say(&mut connect(&proxy), b"d").unwrap(), b"d");
}

#[test]
fn connections_end_as_asked_and_are_refused_until_restored() {
    let proxy = echo();
    let mut streams = [connect(&proxy), connect(&proxy)];
    for stream in &mut streams {
        say(stream, b"a").unwrap();
    }
    let [closed, reset] = &mut streams;
    closed.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    reset.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    proxy.cut(Cut::Closed);
    assert_eq!(closed.read(&mut [0]).unwrap(), 0);
    let mut again = connect(&proxy);
    say(&mut again, b"a").unwrap();
    proxy.refuse();
    again.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(again.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(say(&mut connect(&proxy), b"b").is_err());
    proxy.restore();
    assert_eq!(say(&mut connect(&proxy), b"c").unwrap(), b"c");
}

#[test]
fn a_slow_network_is_slow_and_a_reset_comes_after_its_bytes() {
    let proxy = echo();
    let mut stream = connect(&proxy);
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    for fault in
        [Fault { delay: Duration::from_millis(100), ..Fault::default() }, Fault { bytes_per_second: 50, ..Fault::default() }]
    {
        proxy.set(Way::ToClient, fault);
        let begun = Instant::now();
        say(&mut stream, b"hello").unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(100), "{fault:?}: {:?}", begun.elapsed());
    }
    proxy.set_both(Fault { reset_after: 12, stall: Duration::from_millis(5), ..Fault::default() });
    assert!((0..5).any(|_| say(&mut stream, b"hello").is_err()));
}
