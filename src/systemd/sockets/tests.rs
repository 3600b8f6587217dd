use super::*;

fn socket() -> io::Result<Option<TcpListener>> {
    TcpListener::bind("127.0.0.1:0").map(Some)
}

fn complaint<T: fmt::Debug>(result: Result<T, SocketError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn sockets_go_to_the_places_of_their_names() {
    assert_eq!(places(2, Some("admin:intake")).unwrap(), [Place::Admin, Place::Intake]);
    assert_eq!(places(1, Some("admin")).unwrap(), [Place::Admin]);
}

#[test]
fn a_single_socket_without_a_name_is_the_intake() {
    assert_eq!(places(1, None).unwrap(), [Place::Intake]);
    assert_eq!(places(1, Some("")).unwrap(), [Place::Intake]);
}

#[test]
fn names_without_sockets_are_left_over_from_a_parent() {
    assert_eq!(places(0, Some("intake")).unwrap(), []);
}

#[test]
fn names_that_do_not_fit_say_what_to_set() {
    assert_eq!(
        complaint(places(1, Some("awa-bridge.socket"))),
        "a socket named `awa-bridge.socket` was handed over: the names are intake and admin; set \
         FileDescriptorName= in its socket unit"
    );
    assert_eq!(
        complaint(places(2, Some("intake"))),
        "LISTEN_FDNAMES has 1 names for 2 sockets: give each one FileDescriptorName="
    );
    assert_eq!(
        complaint(places(2, None)),
        "2 sockets were handed over without LISTEN_FDNAMES: name them with \
         FileDescriptorName=intake and FileDescriptorName=admin"
    );
    assert_eq!(
        complaint(places(2, Some("intake:intake"))),
        "two sockets named intake were handed over: keep one ListenStream= for it ([::] serves IPv4 too)"
    );
}

#[test]
fn a_count_that_is_no_number_is_refused() {
    assert_eq!(complaint(check_count(Some("two"))), "LISTEN_FDS=two is not a number of sockets");
    assert!(check_count(Some("2")).is_ok());
    assert!(check_count(None).is_ok());
}

#[test]
fn a_socket_of_another_kind_names_its_place() {
    let wrong = Err(io::Error::new(io::ErrorKind::InvalidInput, "fd 3 is not a valid tcp socket"));

    assert_eq!(
        complaint(HandedSockets::seat(&[Place::Admin], vec![wrong])),
        "the socket handed over as admin cannot be used: fd 3 is not a valid tcp socket; it needs a \
         TCP address in ListenStream= and Accept=no"
    );
}

#[tokio::test]
async fn a_caller_who_waited_during_the_restart_is_served() {
    let handed = socket().unwrap().unwrap();
    let address = handed.local_addr().unwrap();
    let _waiting = std::net::TcpStream::connect(address).unwrap();

    let seated = HandedSockets::seat(&[Place::Intake], vec![Ok(Some(handed))]).unwrap();
    let elsewhere = "127.0.0.1:0".parse().unwrap();
    let intake = listener(seated.intake, elsewhere).unwrap();

    assert_eq!(intake.local_addr().unwrap(), address);
    intake.accept().await.unwrap();
}

#[tokio::test]
async fn a_place_without_a_socket_is_bound_from_the_configuration() {
    let seated = HandedSockets::seat(&[Place::Intake], vec![socket()]).unwrap();
    let address = "127.0.0.1:0".parse().unwrap();

    let admin = listener(seated.admin, address).unwrap();

    assert_ne!(admin.local_addr().unwrap().port(), 0);
}
