#!/usr/bin/env python3
"""Writes cases.json for JsonSchemaGolden.java: cases of Kafka's converters (crates/converters/tests/golden/make_cases.py, which says how schemas and
values are written), and more of what JSON Schema tells apart."""
import json

have = json.load(open("../../../converters/tests/golden/cases.json"))
cases=[]
def case(name, schema, value, **options):
    cases.append({"name": name, "schema": schema, "value": value, "options": {k.replace('_','.'):v for k,v in options.items()}})
MANY = ("double", "float", "string", "decimal", "bytes", "int8", "int16", "int32", "int64", "Date", "Time", "Timestamp")
seen = {}
for c in have:
    kind = c["name"].split()[0]
    seen[kind] = seen.get(kind, 0) + 1
    if c["schema"] is None or (kind in MANY and seen[kind] > 5):
        continue
    options = dict(c["options"])
    if "replace.null.with.default" in options:
        options["ignore.default.for.nullables"] = "true" if str(options.pop("replace.null.with.default")).lower() == "false" else "false"
    cases.append({**c, "options": options})


def s(kind, optional=False, **more): return {"type": kind, "optional": optional, **more}
def struct(name, fields, optional=False, **more): return s("struct", optional, **({'name':name} if name else {}), fields=[[f, x] for f, x in fields], **more)
DEC="org.apache.kafka.connect.data.Decimal"
dec=lambda scale, **m: s("bytes", m.pop("optional", False), name=DEC, version=1, parameters=[["scale", str(scale)]], **m)
for t in ['int8','int16','int32','int64','float','double','boolean','string','bytes']:
    v={'float':'1.5','double':'-2.5','boolean':True,'string':'x','bytes':'00ff'}.get(t,7)
    case('plain '+t, s(t), v); case('optional '+t, s(t,True), v); case('optional null '+t, s(t,True), None)
    case('default '+t, s(t,default=v), v)
    case('optional default '+t, s(t,True,default=v), None)
    case('kept null '+t, s(t,True,default=v), None, **{'ignore_default_for_nullables':'true'})
for d in ['1.0','10.0','0.1','1.0E10','1.0E-5','123456.789','-1.5E-7','100.0','0.0','-0.0','1.0E7','1.7976931348623157E308','4.9E-324']:
    case('default double '+d, s('double',default=d), d)
for d in ['1.0','3.3','1.0E10','3.4028235E38','0.3','1.4E-45','16777216']:
    case('default float '+d, s('float',default=d), d)

case('default int64 large', s('int64',default=9223372036854775807), 1)
case('default string with signs', s('string',default='a"b\\c</d>\u00e9\u2028\U0001F600\n\u0001'), 'a"b\\c</d>\u00e9\u2028\U0001F600\n\u0001')
case('documented', s('string',doc='Say "no"\u00e4</x>',name='my.Text',version=3,parameters=[['b','1'],['a','2'],['length','255']]),'x')
case('many parameters', s('string',name='n',parameters=[[f'key{i*7}',f'v{i}'] for i in range(13)]),'x')
case('confluent parameters', s('string',parameters=[['io.confluent.connect.json.X','1'],['y','2']]),'x')
for n in (1,2,3,4,6,7,8,11,12,13,24,30,49):
    case(f'struct of {n}', struct('t.Row',[(f'column_{i*5}',s('int32',i%2==0)) for i in range(n)]), list(range(n)))
case('struct colliding', struct('t.Row',[('Aa',s('int32')),('BB',s('int32')),('zebra',s('int32')),('q',s('int32'))]), [1,2,3,4])
case('struct empty', struct('t.Row',[]), [])
case('struct unnamed', struct(None,[('a',s('int32'))]), [1])
case('struct closed', struct('t.Row',[('a',s('int32')),('b',struct('t.In',[('c',s('string',True))],True))]), [1,[None]], object_additional_properties='false')
case('struct absent', struct('t.Row',[('a',s('int32')),('b',s('string')),('c',s('int32',True))]), [None,None,None])
case('struct absent first', struct('t.Row',[('a',s('int32')),('b',s('string')),('c',s('int32',True))]), [None,'x',3])
case('struct absent amid', struct('t.Row',[('a',s('int32')),('b',s('string')),('c',s('int32',True))]), [1,None,3])
case('struct absent all', struct('t.Row',[('a',s('int32'))]), [None])
row=struct('p.public.orders.Value',[('id',s('int32')),('total',dec(2,optional=True)),('note',s('string',True,default='none')),('at',s('int64',True,name='io.debezium.time.MicroTimestamp',version=1)),('day',s('int32',True,name='org.apache.kafka.connect.data.Date',version=1)),('mood',s('string',True,name='io.debezium.data.Enum',version=1,parameters=[['allowed','sad,ok']]))],True)
src=struct('io.debezium.connector.postgresql.Source',[('version',s('string')),('connector',s('string')),('name',s('string')),('ts_ms',s('int64')),('snapshot',s('string',True,name='io.debezium.data.Enum',version=1,parameters=[['allowed','first,first_in_data_collection,true,last_in_data_collection,last,false,incremental']],default='false')),('db',s('string')),('sequence',s('string',True)),('ts_us',s('int64',True)),('ts_ns',s('int64',True)),('schema',s('string')),('table',s('string')),('txId',s('int64',True)),('lsn',s('int64',True)),('xmin',s('int64',True))])
env=struct('p.public.orders.Envelope',[('before',row),('after',row),('source',src),('transaction',struct('event.block',[('id',s('string')),('total_order',s('int64')),('data_collection_order',s('int64'))],True,version=1)),('op',s('string')),('ts_ms',s('int64',True)),('ts_us',s('int64',True)),('ts_ns',s('int64',True))],version=2)
val=[None,[1,'04e2',None,1700000000000000,19000,'ok'],['3','postgresql','p',1,None,'d',None,2,3,'public','orders',5,6,None],None,'c',1,2,3]
for f in ('BASE64','NUMERIC'): case('envelope '+f, env, val, decimal_format=f)
case('envelope indented', env, val, json_indent_output='true')
case('indented empties', struct('t',[('a',s('array',items=s('int32'))),('b',s('map',keys=s('string'),values=s('int32'))),('c',s('array',items=s('string'))),('d',s('map',keys=s('int32'),values=s('string')))]), [[],[],['x{,','"}'],[[1,'a:b'],[2,'[']]], json_indent_output='true')
for sc in (0,2,-3,8): 
    case(f'decimal default {sc}', dec(sc,default='04d2'), '04d2'); case(f'decimal numeric default {sc}', dec(sc,default='04d2'), '04d2', decimal_format='numeric'); case(f'decimal numeric {sc}', dec(sc), '00ff', decimal_format='NUMERIC')
case('optional decimal', dec(2,optional=True,default='64'), None, decimal_format='NUMERIC')
case('array', s('array',items=s('string',True)), ['a',None]); case('array optional', s('array',True,items=s('int32')), None)
case('array default', s('array',items=s('int32'),default=[1,2]), [])
case('array of structs', s('array',items=struct('t.In',[('c',s('string',True))],True)), [['x'],None])
case('array of absent', s('array',items=s('int32')), [1])
case('map string', s('map',keys=s('string'),values=s('string',True)), [['k',None],['l','v']])
case('map default', s('map',keys=s('string'),values=s('string'),default=[['b','1'],['a','2']]), [['b','1']])
case('map optional keys', s('map',keys=s('string',True),values=s('int32')), [[None,1],['x',2]])
case('map int keys', s('map',True,keys=s('int32'),values=s('int64',True),name='m'), [[1,None],[2,2]])
case('map struct keys', s('map',keys=struct('k',[('a',s('int8'))]),values=dec(1)), [[[1],'05']])


P='io.confluent.connect.json.'
case('enum', s('string',parameters=[[P+'Enum',''],[P+'Enum.sad','sad'],[P+'Enum.ok','ok']]), 'ok')
case('enum optional', s('string',True,parameters=[[P+'Enum',''],[P+'Enum.sad','sad'],[P+'Enum.<NULL>','<NULL>']]), None)
G='org.apache.kafka.connect.data.'
case('enum general', s('string',name='my.Mood',parameters=[[G+'Enum','my.Mood'],[G+'Enum.sad','0'],[G+'Enum.ok','1']]), 'ok', generalized_sum_type_support='true')
case('enum general unsupported', s('string',parameters=[[G+'Enum','my.Mood'],[G+'Enum.sad','0']]), 'sad')
case('union', struct(P+'OneOf',[(P+'OneOf.field.0',s('int32',True)),(P+'OneOf.field.1',s('string',True)),(P+'OneOf.field.2',struct('u.S',[('a',s('int32'))],True))]), [None,'x',None])
case('union optional', struct(P+'OneOf',[(P+'OneOf.field.0',s('int32',True)),(P+'OneOf.field.1',s('string',True))],True), None)
case('union general', struct('connect_union_0',[('connect_union_field_0',s('int32',True)),('connect_union_field_1',s('string',True))],parameters=[[G+'Union','connect_union_0']]), [5,None], generalized_sum_type_support='true')
case('union within', struct('t',[('x',s('int8')),('u',struct(P+'OneOf',[(P+'OneOf.field.0',s('boolean',True)),(P+'OneOf.field.1',s('double',True))],True))]), [1,[None,'2.5']])
json.dump(cases, open('cases.json','w'))
