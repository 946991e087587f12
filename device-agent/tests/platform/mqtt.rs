//! The platform's MQTT endpoint, as far as an agent sees it. One connection at a time.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use millwright_schemas::wire::events;
use rumqttc::mqttbytes::v4::{
    ConnAck, ConnectReturnCode, Packet, PubAck, Publish, SubAck, SubscribeReasonCode,
};
use rumqttc::mqttbytes::{Error, QoS};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::authority::Authority;

/// What happened on one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection {
    pub(crate) client_id: String,
    pub(crate) clean_session: bool,
    /// Serial number of the client's certificate.
    pub(crate) serial: String,
    pub(crate) subscribed: Vec<String>,
    /// Topic and payload, in order.
    pub(crate) published: Vec<(String, Bytes)>,
    pub(crate) disconnected: bool,
}

#[derive(Debug, Default)]
struct State {
    connections: Vec<Connection>,
    /// How many more messages are acknowledged; `None`: all.
    acknowledge: Option<usize>,
    /// Cut the connection, once.
    cut: bool,
    /// Topic and payload of what is to be sent to the machine once it has subscribed.
    outgoing: Vec<(String, Vec<u8>)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Mqtt {
    state: Arc<Mutex<State>>,
    pub(crate) port: u16,
}

impl Mqtt {
    pub(crate) fn start(authority: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mqtt = Self { state: Arc::default(), port };
        let server = mqtt.clone();
        let tls = authority.mqtt_server();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A failed handshake or a cut connection is the test's own doing.
                let _ = server.serve(stream.unwrap(), &tls);
            }
        });
        mqtt
    }

    pub(crate) fn acknowledge(&self, messages: Option<usize>) {
        self.state.lock().unwrap().acknowledge = messages;
    }

    /// Cuts the connection when nothing comes any more.
    pub(crate) fn cut(&self) {
        self.state.lock().unwrap().cut = true;
    }

    /// Sends something to the machine as soon as it is there.
    #[allow(dead_code, reason = "for the tests of commands")]
    pub(crate) fn send(&self, topic: String, payload: Vec<u8>) {
        self.state.lock().unwrap().outgoing.push((topic, payload));
    }

    fn take_outgoing(&self) -> Vec<Packet> {
        let mut state = self.state.lock().unwrap();
        let packets = state.outgoing.drain(..).zip(1..).map(|((topic, payload), pkid)| {
            let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
            publish.pkid = pkid;
            Packet::Publish(publish)
        });
        packets.collect()
    }

    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.state.lock().unwrap().connections.clone()
    }

    fn serve(&self, tcp: TcpStream, tls: &Arc<ServerConfig>) -> std::io::Result<()> {
        tcp.set_read_timeout(Some(Duration::from_millis(20)))?;
        let session = ServerConnection::new(Arc::clone(tls)).unwrap();
        let mut stream = StreamOwned::new(session, tcp);
        let mut buffer = BytesMut::new();
        let mut subscribed = false;
        loop {
            if subscribed {
                write(&mut stream, self.take_outgoing())?;
            }
            match Packet::read(&mut buffer, 1024 * 1024) {
                Ok(packet) => {
                    let serial = serial(&stream);
                    let Some(answers) = self.handle(packet, serial) else { return Ok(()) };
                    subscribed |= matches!(answers.as_slice(), [Packet::SubAck(_)]);
                    write(&mut stream, answers)?;
                }
                Err(Error::InsufficientBytes(_)) => {
                    let mut chunk = [0; 16 * 1024];
                    match stream.read(&mut chunk) {
                        Ok(0) => return Ok(()),
                        Ok(read) => buffer.extend_from_slice(&chunk[..read]),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            if std::mem::take(&mut self.state.lock().unwrap().cut) {
                                return Ok(());
                            }
                        }
                        Err(error) => return Err(error),
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// `None`: cut the connection.
    fn handle(&self, packet: Packet, serial: String) -> Option<Vec<Packet>> {
        let mut state = self.state.lock().unwrap();
        match packet {
            Packet::Connect(connect) => {
                state.connections.push(Connection {
                    client_id: connect.client_id,
                    clean_session: connect.clean_session,
                    serial,
                    ..Connection::default()
                });
                Some(vec![Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false))])
            }
            Packet::Subscribe(subscribe) => {
                let filters = subscribe.filters.into_iter().map(|filter| filter.path);
                state.connections.last_mut().unwrap().subscribed.extend(filters);
                let code = SubscribeReasonCode::Success(QoS::AtLeastOnce);
                Some(vec![Packet::SubAck(SubAck::new(subscribe.pkid, vec![code]))])
            }
            Packet::Publish(publish) => {
                assert_eq!(publish.qos, QoS::AtLeastOnce);
                let connection = state.connections.last_mut().unwrap();
                // What isn't in the outbox, the agent doesn't count either.
                let is_notice = publish.topic.ends_with("/up/events")
                    && events::decode(&publish.payload).unwrap().seq.is_none();
                connection.published.push((publish.topic, publish.payload));
                match &mut state.acknowledge {
                    _ if is_notice => {}
                    Some(0) => return Some(vec![]),
                    Some(left) => *left -= 1,
                    None => {}
                }
                Some(vec![Packet::PubAck(PubAck::new(publish.pkid))])
            }
            Packet::PubAck(_) => Some(vec![]),
            Packet::PingReq => Some(vec![Packet::PingResp]),
            Packet::Disconnect => {
                state.connections.last_mut().unwrap().disconnected = true;
                None
            }
            other => panic!("{other:?}"),
        }
    }
}

fn write(
    stream: &mut StreamOwned<ServerConnection, TcpStream>,
    packets: Vec<Packet>,
) -> std::io::Result<()> {
    let mut bytes = BytesMut::new();
    for packet in packets {
        packet.write(&mut bytes, 1024 * 1024).unwrap();
    }
    stream.write_all(&bytes)?;
    stream.flush()
}

fn serial(stream: &StreamOwned<ServerConnection, TcpStream>) -> String {
    let certificates = stream.conn.peer_certificates().unwrap();
    X509Certificate::from_der(&certificates[0]).unwrap().1.raw_serial_as_string()
}
